"""`splitmile analyze`, `srm` and `power`: what a user sees, and what is refused in one sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import jsonschema
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from splitmile.results.codec import from_json, json_schema
from splitmile.results.readouts import PowerReadout, Readout, SplitReadout

from .conftest import Run

DOCS = Path(__file__).parents[2] / "docs"
A, B = [3.0, 5.0, 4.0, 6.0], [9.0, 8.0, 11.0, 10.0]


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    path = tmp_path / "trial.csv"
    lines = [f"{arm},{unit},{y},{int(y > 5)},1" for arm, ys in (("a", A), ("b", B)) for unit, y in enumerate(ys, 10 * (arm == "b"))]
    path.write_text("variant,unit,minutes,late,deliveries\n" + "\n".join(lines) + "\n")
    return path


def asking(file: Path, *options: object) -> list[object]:
    return ["analyze", file, "--variant", "variant", "--control", "a", *options]


def test_analyze_as_json_follows_the_schema(run: Run, trial: Path) -> None:
    options = ["--metric", "minutes=mean(minutes)", "--metric", "late=proportion(late)", "--sequential", 100, "--format", "json"]
    code, out, err = run(*asking(trial, *options))
    assert (code, err) == (0, "")
    answer = json.loads(out)
    jsonschema.validate(answer, json.loads((DOCS / "readout.schema.json").read_text()))
    assert from_json(Readout, out).source == str(trial)
    assert answer["srm"]["p_value"] == 1.0
    effect = answer["effects"][0]
    expected = stats.ttest_ind(B, A, equal_var=False)
    assert effect["absolute"]["p_value"] == pytest.approx(expected.pvalue)
    assert effect["absolute"]["interval"].keys() == {"low", "high"}
    assert effect["sequential"].keys() >= {"interval", "p_value"}
    named = {key: effect[key] for key in ("metric", "kind", "control", "treatment", "n_control", "n_treatment", "method")}
    assert named == {
        "metric": "minutes",
        "kind": "mean",
        "control": "a",
        "treatment": "b",
        "n_control": 4,
        "n_treatment": 4,
        "method": "welch",
    }
    assert answer["effects"][1]["p_value_adjusted"] is not None


def test_analyze_as_a_table_fits_100_columns(run: Run, trial: Path) -> None:
    options = ["--metric", "minutes=mean(minutes)", "--metric", "late=proportion(late)", "--metric", "p90=quantile(minutes,0.9)"]
    code, out, err = run(*asking(trial, *options))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == f"{trial} · 8 rows, each row a unit" or len(str(trial)) > 70
    assert "The split is as planned: a: 4 (50 %, planned 50 %), b: 4 (50 %, planned 50 %); p = 1.00." in " ".join(out.split())
    (minutes,) = [line for line in lines if line.strip().startswith("minutes")]
    assert "+5.0 (+2.8 to +7.2)" in minutes
    assert "0.0015" in minutes
    assert "higher" in out
    assert "p90 in b, effect: control: no observation lies above the quantile" in " ".join(out.split())


def test_many_looks_covariates_and_segments_as_a_table(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{'ab'[u % 2]},{u},z{u // 2 % 3},{u * 7 % 13 + 3 * (u % 2) * (u // 2 % 3) + u * 31 % 5},{u * 7 % 13}" for u in range(240)]
    path.write_text("variant,unit,zone,y,x\n" + "\n".join([*rows, "a,240,tiny,1,1", "b,241,,1,1"]) + "\n")
    options = ["--metric", "y=mean(y)", "--covariate", "y=x", "--segment", "zone", "--sequential", 300]
    code, out, _ = run(*asking(path, *options))
    words = " ".join(out.split())
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "the second for any number of looks, tuned to 300 units in all" in words
    assert "y in b: the covariate removes" in words
    assert "y in b by segment: the effect differs between segments (Q =" in words
    assert "Too few units to show: tiny." in words
    assert [line.split()[:4] for line in out.splitlines() if line.strip().startswith("z")] == [
        [f"z{zone}", "40", "/", "40"] for zone in range(3)
    ]
    assert "Left out, segments only: 1 unit without a segment." in words
    _, out, _ = run(*asking(path, "--metric", "y=mean(y)", "--segment", "unit"))
    assert "no test: fewer than two segments" in out
    assert "240 segments" not in out


def test_a_mismatch_and_contamination_are_said_first(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("variant,unit,y\n" + "".join(f"{'a' if u < 90 else 'b'},{u},{u % 7}\n" for u in range(100)) + "a,95,1\n")
    code, out, _ = run(*asking(path, "--unit", "unit", "--metric", "y=mean(y)"))
    words = " ".join(out.split())
    assert code == 0
    assert (
        words.index("SAMPLE RATIO MISMATCH: a: 90") < words.index("Contaminated: 1 unit (1 %) met several variants") < words.index("metric")
    )


def test_gzip_a_byte_order_mark_and_semicolons_are_read(run: Run, trial: Path, tmp_path: Path) -> None:
    plain = run(*asking(trial, "--metric", "m=mean(minutes)", "--format", "json"))[1]
    packed = tmp_path / "trial.csv.gz"
    packed.write_bytes(gzip.compress(trial.read_bytes()))
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + trial.read_bytes().replace(b",", b";"))
    for other in (packed, marked):
        out = run(*asking(other, "--metric", "m=mean(minutes)", "--format", "json"))[1]
        assert json.loads(out)["effects"] == json.loads(plain)["effects"]


MEAN = ["--metric", "m=mean(minutes)"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metric", "m=mean(minuts)"], "there is no column 'minuts'; did you mean 'minutes'?"),
        ([*MEAN, "--unit", "courier"], "there is no column 'courier'; there is 'variant', 'unit', 'minutes'"),
        ([*MEAN, "--control", "A"], "--control is 'A', and column 'variant' has no such variant; did you mean 'a'?"),
        ([*MEAN, "--control", "old"], "no such variant; there is 'a', 'b'"),
        (["--metric", "m=mean(variant)"], "column 'variant', row 1 below the header: 'a' is no number"),
        (["--metric", "m=proportion(minutes)"], "column 'minutes', row 1 below the header: 3 is neither 0 nor 1"),
        ([*MEAN, *MEAN], "2 metrics are named 'm'"),
        (["--metric", "mean(minutes)"], "--metric is 'mean(minutes)'; expected NAME=mean(COL)"),
        (["--metric", "m=median(minutes)"], "there is no kind 'median'"),
        (["--metric", "m=ratio(minutes)"], "ratio takes two arguments"),
        (["--metric", "m=quantile(minutes,90)"], "'90' is no probability strictly between 0 and 1"),
        ([*MEAN, "--covariate", "x=minutes"], "no metric is named 'x'"),
        ([*MEAN, "--covariate", "m"], "--covariate is 'm'; expected NAME=COL"),
        ([*MEAN, "--covariate", "m=minutes,late"], "'m' is a mean, so its covariate is one column"),
        ([*MEAN, "--covariate", "m=late", "--covariate", "m=late"], "'m' has one already"),
        (["--metric", "q=quantile(minutes,0.5)", "--covariate", "q=late"], "a quantile takes no covariate"),
        ([*MEAN, "--unit", "deliveries"], "every value of 'deliveries' has rows in several variants"),
        (["--metric", "r=ratio(minutes,late)", "--unit", "late", "--covariate", "r=minutes"], "differs from a later row of the same late"),
        ([*MEAN, "--shares", "a=0.5"], "the shares sum to 0.5; they have to sum to 1"),
        ([*MEAN, "--shares", "a=1"], "--shares names no share for 'b'"),
        ([*MEAN, "--shares", "a=0.5,a=0.5"], "--shares names 'a' twice"),
        ([*MEAN, "--shares", "0.5,0.5"], "expected the share of each variant"),
        ([*MEAN, "--shares", "a=x,b=0.5"], "each share has to be a number from 0 to 1"),
        ([*MEAN, "--alpha", "5"], "--alpha is 5; expected a number strictly between 0 and 1"),
        ([*MEAN, "--sequential", "1"], "--sequential is 1; expected the planned number of units"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(run: Run, trial: Path, options: list[str], said: str) -> None:
    code, out, err = run(*asking(trial, *options))
    assert (code, out) == (1, "")
    assert err.startswith("splitmile: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"variant,minutes\n", "has a header and no row"),
        (b"variant,minutes\na,1\na,2\n", "holds 'a' only; a comparison needs two variants"),
        (b"variant,minutes\n,1\n,2\n", "column 'variant' is empty in every row"),
        (b"variant,minutes\na,1\nb,inf\n", "row 2 below the header: inf is no finite number"),
        (b"variant,minutes\na,1\nb,1.000.000\n", "row 2 below the header: '1.000.000' is no number"),
        (b"variant,minutes\na,1\nb\n", "the table cannot be read"),
        (b"variant,minutes,minutes\na,1,1\nb,2,2\n", "2 columns are named 'minutes'"),
        ("variant,minutes\na,1\nb,2\n배,3\n".encode("cp949"), "the text is not UTF-8"),
        ("배송,variant,minutes\n1,a,1\n".encode("cp949"), "the text is not UTF-8"),
        (b"PK\x03\x04....", "this is an Excel or zip file"),
        (b"PAR1....", "the table cannot be read"),
        (b"\x1f\x8b....", "the table cannot be read"),
        (b"variant,minutes\n" + b"".join(b"v%d,1\n" % v for v in range(60)), "has 60 different values; --variant has to name"),
    ],
)
def test_a_file_that_does_not_do_is_one_sentence(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    code, out, err = run(*asking(path, *MEAN))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert f"{path}: " in err
    assert said in err


def test_a_negative_denominator_and_a_missing_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("variant,n,d\na,1,1\na,1,-2\nb,1,1\n")
    assert "column 'd', row 2 below the header: -2 is negative" in run(*asking(path, "--metric", "r=ratio(n,d)"))[2]
    code, _, err = run(*asking(tmp_path / "none.csv", *MEAN))
    assert (code, "the file cannot be opened: No such file" in err) == (1, True)
    assert "Is a directory" in run(*asking(tmp_path, *MEAN))[2]


@pytest.mark.parametrize("arguments", [["analyze"], ["analyze", "t.csv"], ["srm"], ["srm", "many"], ["srm", "1", "--format", "csv"]])
def test_a_command_line_that_cannot_be_read_ends_with_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: splitmile" in err


def test_srm(run: Run) -> None:
    code, out, _ = run("srm", 600, 400, "--format", "json")
    assert code == 0
    assert from_json(SplitReadout, out).srm.p_value == pytest.approx(2.5396e-10, rel=1e-4)
    assert "SAMPLE RATIO MISMATCH" in run("srm", 600, 400)[1]
    assert "as planned: variant 1: 600 (60\N{NO-BREAK SPACE}%, planned 60" in run("srm", 600, 400, "--shares", "0.6,0.4")[1]
    assert "p < 10⁻³⁰⁰" in run("srm", 100000, 200000)[1]
    assert "The split cannot be tested" in run("srm", 0, 0)[1]
    assert "needs the units of two variants or more" in run("srm", 5)[2]
    assert "3 shares and there are 2 counts" in run("srm", 5, 5, "--shares", "0.4,0.4,0.2")[2]


def test_power_of_a_mean_is_statsmodels(run: Run) -> None:
    code, out, _ = run("power", "--sd", 4, "--baseline", 20, "--effect", "5%", "--units-per-day", 100, "--format", "json")
    assert code == 0
    answer = from_json(PowerReadout, out)
    an_arm = TTestIndPower().solve_power(effect_size=0.25, alpha=0.05, power=0.8)
    assert answer.units == 2 * -(-an_arm // 1)
    assert (answer.effect, answer.relative_effect, answer.days) == (1.0, 0.05, -(-answer.units // 100))
    answer = from_json(PowerReadout, run("power", "--sd", 4, "--mde", 1, "--units", 400, "--format", "json")[1])
    assert answer.power == pytest.approx(TTestIndPower().power(0.25, 200, 0.05), rel=1e-9)
    answer = from_json(PowerReadout, run("power", "--sd", 4, "--units", 400, "--format", "json")[1])
    assert answer.effect == pytest.approx(4 * TTestIndPower().solve_power(nobs1=200, alpha=0.05, power=0.8), rel=1e-6)


def test_power_of_a_proportion(run: Run) -> None:
    code, out, _ = run("power", "--proportion", 0.2, "--effect", 0.05)
    assert code == 0
    words = " ".join(out.split())
    assert "2,184 units (1,092 / 1,092) find a difference of 0.05 (25.00 % of 0.2) with probability 80 %." in words
    assert "The common formula for proportions says 2,060" in words
    found = from_json(PowerReadout, run("power", "--proportion", 0.2, "--units", 2184, "--format", "json")[1])
    assert found.effect == pytest.approx(0.05, abs=1e-4)
    sequential = from_json(PowerReadout, run("power", "--proportion", 0.2, "--effect", 0.05, "--sequential", "--format", "json")[1])
    assert sequential.units > 2184
    assert sequential.units_by_common_formula is None


def test_power_from_a_file(run: Run, trial: Path) -> None:
    answer = from_json(PowerReadout, run("power", trial, "--metric", "m=mean(minutes)", "--effect", "10%", "--format", "json")[1])
    assert answer.standard_deviation == pytest.approx(stats.tstd(A + B))
    of_a = ["--variant", "variant", "--control", "a"]
    code, out, _ = run("power", trial, "--metric", "m=mean(minutes)", "--units", 100, *of_a, "--units-per-day", 10)
    assert code == 0
    assert f"m is 4.5, standard deviation {stats.tstd(A):.5g} a unit." in " ".join(out.split())
    assert "That takes 10 days." in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sd", 3], "neither --effect nor --units is given"),
        (["--effect", 1], "give --sd for a mean or --proportion for a share"),
        (["--sd", 0, "--effect", 1], "--sd is 0"),
        (["--proportion", 1.5, "--effect", 1], "--proportion is 1.5"),
        (["--proportion", 0.9, "--effect", 0.2], "--effect makes the proportion 0.9 1.1"),
        (["--proportion", 0.9, "--baseline", 0.9, "--effect", 0.2], "--baseline is given beside --proportion"),
        (["--sd", 1, "--effect", "2%"], "--effect is relative and there is no baseline"),
        (["--sd", 1, "--effect", "much"], "--effect is 'much'"),
        (["--sd", 1, "--effect", 0], "--effect is 0"),
        (["--sd", 1, "--units", 3], "--units is 3; every variant needs two units"),
        (["--sd", 1, "--effect", 1, "--power", 0.01], "0 < alpha < power < 1"),
        (["--sd", 1, "--effect", 1, "--shares", "1"], "--shares has 1 shares"),
        (["--sd", 1, "--effect", 1, "--units-per-day", 0], "--units-per-day is 0"),
        (["--sd", 1, "--effect", 1e-9], "no number of units can be named"),
        (["--sd", 1, "--effect", 1, "--unit", "u"], "belong to a file, and none is given"),
        (["t.csv", "--effect", 1], "t.csv is given without --metric"),
        (["t.csv", "--metric", "m=mean(y)", "--sd", 1, "--effect", 1], "these come from the file"),
        (["t.csv", "--metric", "m=mean(y)", "--variant", "v", "--effect", 1], "--variant and --control belong together"),
    ],
)
def test_a_plan_that_cannot_be_made_is_one_sentence(run: Run, options: list[object], said: str) -> None:
    code, out, err = run("power", *options)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert said in err


def test_a_file_without_spread_plans_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("y\n1\n")
    assert "there is no estimate of 'm': fewer than two units" in run("power", path, "--metric", "m=mean(y)", "--effect", 1)[2]


def test_the_published_schema_is_the_one_that_is_written() -> None:
    assert json.loads((DOCS / "readout.schema.json").read_text()) == json_schema(Readout)
