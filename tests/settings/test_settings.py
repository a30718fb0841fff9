"""Settings: file, environment, what is refused; and that docs/settings.md knows every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from splitmile.errors import SettingsInvalid
from splitmile.settings import BusinessDay, Settings, load_settings, settings_file

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "settings.md").read_text()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "splitmile.toml"
    path.touch()
    monkeypatch.setenv("SPLITMILE_CONFIG", str(path))
    return path


OPTIONAL = {"publishing.report_url", "warehouse.redshift.analyst_role"}
"""Keys whose default is that they are left out."""


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        yield from flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]


def undocumented(text: str) -> list[str]:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", text, re.MULTILINE))
    return [
        key for key, default in keys(Settings) if key not in rows or (key not in {"project_dir", *OPTIONAL} and rows[key] != f"`{default}`")
    ]


def test_every_key_and_default_is_documented() -> None:
    assert undocumented(DOCS) == []


def test_a_missing_row_or_a_stale_default_is_noticed() -> None:
    assert undocumented(re.sub(r"(?m)^\| `feeds.bucket`.*\n", "", DOCS)) == ["feeds.bucket"]
    assert undocumented(DOCS.replace("| `7` |", "| `9` |")) == ["feeds.lookback_dates"]


def test_nothing_documented_is_unknown() -> None:
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", DOCS, re.MULTILINE))
    assert documented == {key for key, _ in keys(Settings)}


def test_the_whole_file_of_the_docs_is_read(config: Path) -> None:
    block = re.search(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    assert block
    config.write_text(block[1])
    settings = load_settings()
    assert settings.publishing.report_url == "https://reports.example.com/splitmile"
    written = tomllib.loads(block[1])
    assert set(flat(written)) == {key for key, _ in keys(Settings)} - {"project_dir"}


def test_the_projects_own_file_is_valid() -> None:
    assert settings_file() == ROOT / "splitmile.toml"
    assert load_settings().project_dir == ROOT


def test_the_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('[feeds]\nbucket = "from-file"\nprefix = "from-file"\n')
    monkeypatch.setenv("SPLITMILE_FEEDS__BUCKET", "from-environment")
    feeds = load_settings().feeds
    assert (feeds.bucket, feeds.prefix, feeds.lookback_dates) == ("from-environment", "from-file", 7)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("unknown = 1\n", ["unknown", "not permitted"]),
        ('[feeds]\nbukket = "x"\n', ["feeds.bukket", "not permitted"]),
        ('[business_day]\ntimezone = "Asia/Soul"\n', ["business_day.timezone", "'Asia/Soul'", "Asia/Seoul"]),
        ("[business_day]\ncutover_hour = 24\n", ["business_day.cutover_hour", "24", "23"]),
        ("[feeds]\nlookback_dates = 0\nmax_rejected_share = 2\n", ["feeds.lookback_dates", "feeds.max_rejected_share"]),
        ('[feeds]\non_empty = "ignore"\n', ["feeds.on_empty", "'block' or 'warn'", "'ignore'"]),
        ('[warehouse]\nengine = "oracle"\n', ["warehouse.engine", "'duckdb'", "'oracle'"]),
        ('[warehouse.redshift]\niam_role = "x\' y"\n', ["warehouse.redshift.iam_role", "pattern", "x' y"]),
        ('[warehouse.redshift]\nstaging_prefix = "a b"\n', ["warehouse.redshift.staging_prefix", "pattern", "'a b'"]),
        ("[feeds\n", ["cannot be read"]),
    ],
)
def test_a_bad_file_is_refused_by_name(config: Path, text: str, parts: list[str]) -> None:
    config.write_text(text)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    for part in [*parts, str(config), "docs/settings.md"]:
        assert part in str(refused.value)


def test_a_bad_variable_is_refused_by_name(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLITMILE_FEEDS__LOOKBACK_DATES", "many")
    with pytest.raises(SettingsInvalid, match=r"feeds\.lookback_dates.*'many'"):
        load_settings()


def test_a_misspelt_variable_is_refused_by_name(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLITMILE_FEED__BUCKET", "acme")
    with pytest.raises(SettingsInvalid, match="SPLITMILE_FEED__BUCKET sets no key"):
        load_settings()


def test_a_named_file_that_is_missing_is_refused(config: Path) -> None:
    config.unlink()
    with pytest.raises(SettingsInvalid, match=rf"SPLITMILE_CONFIG names {config}, which is no file"):
        load_settings()


def test_relative_paths_begin_at_the_project(tmp_path: Path) -> None:
    settings = Settings(project_dir=tmp_path, state_dir=Path("made"))
    made = (tmp_path / "made").resolve()
    assert settings.state == made
    assert settings.path("experiments") == (tmp_path / "experiments").resolve()
    assert settings.path(tmp_path / "elsewhere") == (tmp_path / "elsewhere").resolve()
    outputs = {settings.warehouse_file, settings.report_dir, settings.data_docs_dir, settings.dbt_target_dir}
    assert len(outputs) == 4
    assert all(output.is_relative_to(made) for output in outputs)


@pytest.mark.parametrize(
    ("instant", "business_date"),
    [
        (datetime.fromisoformat("2026-03-01T19:59:59"), date(2026, 3, 1)),  # 04:59:59 on the 2nd in Seoul
        (datetime.fromisoformat("2026-03-01T20:00:00"), date(2026, 3, 2)),
        (datetime(2026, 3, 2, 20, 0, 0, tzinfo=UTC), date(2026, 3, 3)),
        (datetime.fromisoformat("2026-03-02T04:00:00+09:00"), date(2026, 3, 1)),
    ],
)
def test_a_business_date_begins_at_the_cut_over(instant: datetime, business_date: date) -> None:
    day = BusinessDay()
    assert day.date_of(instant) == business_date
    assert day.starts_at(business_date) <= (instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def test_a_business_date_keeps_its_start_over_a_change_of_clocks() -> None:
    day = BusinessDay(timezone="Europe/Berlin", cutover_hour=5)
    for business_date, start in [(date(2026, 3, 28), 4), (date(2026, 3, 29), 3)]:
        assert day.starts_at(business_date) == datetime(business_date.year, business_date.month, business_date.day, start, tzinfo=UTC)
        assert day.date_of(day.starts_at(business_date)) == business_date
