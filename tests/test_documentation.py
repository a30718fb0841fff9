"""What exists is documented: commands, metric kinds, tables, make targets; links lead somewhere, and a commit is checked as by make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

from splitmile.cli import app
from splitmile.registry.plan import MetricKind
from splitmile.warehouse.tables import TABLES, VIEWS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a|source)\s[^>]*(?:src|href|srcset)=\"([^\"]+)\"")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> dict[str, list[str]]:
    """Every command with its options, and its arguments as they are written; one of a group with the group's name before its own."""
    return dict(_commands_of(typer.main.get_command(app), ""))


def _commands_of(group: Any, prefix: str) -> Iterator[tuple[str, list[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands_of(command, f"{prefix}{name} ")
            continue
        yield (
            f"{prefix}{name}",
            [
                *(option for p in command.params if p.param_type_name == "option" for option in p.opts),
                *(str(p.name).upper() for p in command.params if p.param_type_name == "argument"),
            ],
        )


def undocumented_commands(text: str, known: Mapping[str, Iterable[str]]) -> list[str]:
    """Commands without a section, and options that their section does not name."""
    sections = {part.split("\n", 1)[0].strip(): part for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}
    missing = []
    for command, options in known.items():
        if command not in sections:
            missing.append(command)
            continue
        missing += [f"{command} {option}" for option in options if not re.search(rf"`{re.escape(option)}[ `]", sections[command])]
    return missing


def unnamed(text: str, names: Iterable[str]) -> list[str]:
    """Names that the text does not have in code quotes."""
    return [name for name in names if f"`{name}`" not in text]


def undocumented_kinds(text: str) -> list[str]:
    """Kinds without a row in the table of kinds and a section with an example."""
    return [kind for kind in MetricKind if f"| `{kind}` |" not in text or not re.search(rf"^### {kind}\n", text, re.MULTILINE)]


def tables() -> list[str]:
    models = [f"{path.parent.name}.{path.stem}" for path in (ROOT / "dbt_project" / "models").rglob("*.sql")]
    return sorted([*TABLES, *VIEWS, *models])


def make_targets(makefile: str) -> list[str]:
    """The targets that `make help` lists."""
    return re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE)


def dead_links(text: str, folder: Path) -> list[str]:
    """Relative links to files that are not there."""
    # Code is no prose: a type such as list[int](x) is no link.
    prose = re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    targets = [first or second for first, second in _LINK.findall(prose)]
    relative = [target for target in targets if not re.match(r"[a-z]+:|#", target)]
    return [target for target in relative if not (folder / target.split("#")[0]).exists()]


def unlike_make(pre_commit: str, makefile: str) -> list[str]:
    """Checks of the pre-commit hooks that are none of make's, and those of make's quick targets that have no hook."""
    hooks = {tuple(entry.split()[:2]) for entry in re.findall(r"entry: \.venv/bin/(.+)", pre_commit)}
    quick = re.findall(r"^(?:lint|types|imports|sql):.*\n((?:\t.+\n)+)", makefile, re.MULTILINE)
    made = {tuple(line.split()[:2]) for recipe in quick for line in re.findall(r"\$\(BIN\)/(.+)", recipe)}
    return sorted(" ".join(check) for check in hooks ^ made)


def test_every_command_and_option_is_documented() -> None:
    known = commands()
    assert {"demo", "validate", "run", "backfill", "results", "report", "doctor", "analyze", "switchback design"} <= known.keys()
    assert {"--date", "--experiments", "--metrics", "--state"} <= set(known["run"])
    assert "EXPERIMENT" in known["results"]
    assert undocumented_commands(read("docs/cli.md"), known) == []


def test_an_undocumented_command_or_option_is_noticed() -> None:
    text = "# Commands\n\n## run\n\n`--date D` and --state.\n\n## report\n\n`--as-of` is not `--as-of-date`, and run has `--state`.\n"
    known = {"run": ["--date", "--state"], "report": ["--as-of"], "doctor": []}
    assert undocumented_commands(text, known) == ["run --state", "doctor"]


def test_every_metric_kind_is_documented() -> None:
    assert undocumented_kinds(read("docs/metrics.md")) == []


def test_an_undocumented_kind_is_noticed() -> None:
    assert undocumented_kinds("| `mean` | x |\n| `ratio` | x |\n\n### mean\n\n### proportion\n") == ["proportion", "ratio", "quantile"]


def test_every_table_and_model_is_documented() -> None:
    known = tables()
    assert {"landing.deliveries", "results.latest_experiment_results", "marts.unit_days", "staging.stg_exposures"} <= set(known)
    assert unnamed(read("docs/tables.md"), known) == []


def test_no_table_is_documented_that_there_is_not() -> None:
    named = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", read("docs/tables.md"), re.MULTILINE))
    assert named == set(tables())


def test_an_undocumented_table_is_noticed() -> None:
    assert unnamed("| `marts.unit_days` | and ops.load_ledger |", ["marts.unit_days", "ops.load_ledger"]) == ["ops.load_ledger"]


def test_every_statistical_method_is_documented() -> None:
    # Those without a method of their own hold what methods share.
    shared = {"__init__", "directions", "inputs", "rows", "student", "sums", "switchback_slopes", "units"}
    methods = {path.stem for path in (ROOT / "plugins" / "splitmile" / "stats").glob("*.py")} - shared
    assert {"cuped", "quantiles", "srm"} <= methods
    assert unnamed(read("docs/statistics.md"), sorted(methods)) == []


def test_every_make_target_is_documented() -> None:
    targets = make_targets(read("Makefile"))
    assert {"help", "demo", "test", "setup", "e2e"} <= set(targets)
    assert unnamed(read("CONTRIBUTING.md") + read("README.md"), [f"make {target}" for target in targets]) == []


def test_an_undocumented_make_target_is_noticed() -> None:
    targets = make_targets("demo: setup ## Show it\n\tdo it\n.hidden: x\nplain: y\ne2e: ## Slow\n")
    assert targets == ["demo", "e2e"]
    assert unnamed("run `make demo` or `make e2e-fast`", [f"make {target}" for target in targets]) == ["make e2e"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_are_there(page: str) -> None:
    assert dead_links(read(page), (ROOT / page).parent) == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = (
        "[a](there.md) [b](there.md#part) [c](gone.md#part) [d](https://example.com/x) [e](#here)\n"
        '![f](gone.png) <img alt="" src="lost.png"> <source media="x" srcset="dark.png">\n'
        "`list[int](x)`\n```\n[g](code.md)\n```\n"
    )
    assert dead_links(text, tmp_path) == ["gone.md#part", "gone.png", "lost.png", "dark.png"]


def test_the_hooks_call_what_make_calls() -> None:
    assert "repo: local" in read(".pre-commit-config.yaml")
    assert "repo: http" not in read(".pre-commit-config.yaml")
    assert unlike_make(read(".pre-commit-config.yaml"), read("Makefile")) == []


def test_a_hook_that_make_does_not_call_and_a_check_without_a_hook_are_noticed() -> None:
    makefile = (
        "lint: setup ## Style\n\t$(BIN)/ruff format --check .\n\t$(BIN)/ruff check .\n\n"
        "types: setup\n\t$(BIN)/mypy\n\nunit:\n\t$(BIN)/pytest\n"
    )
    hooks = "entry: .venv/bin/ruff format --check\nentry: .venv/bin/black .\nentry: .venv/bin/mypy\n"
    assert unlike_make(hooks, makefile) == ["black .", "ruff check"]
