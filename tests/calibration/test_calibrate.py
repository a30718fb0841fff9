from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from splitmile.calibration import Calibration, Feed, Finding, Measure, Measurement, band, calibrate, print_calibration, summary
from splitmile.calibration.measures import ever_rejected, measurements
from splitmile.calibration.trials import NEVER, Trial
from splitmile.stats import CountsInvalid


@pytest.fixture(scope="module")
def found(short_feed: Feed) -> Calibration:
    """A calibration too short to mean anything."""
    return calibrate(short_feed, draws=6, seed=1)


def test_the_band_holds_99_percent() -> None:
    low, high = band(0.05, 2000)
    inside = stats.binom.cdf(2000 * high, 2000, 0.05) - stats.binom.cdf(2000 * low - 1, 2000, 0.05)
    assert (low, high) == (0.038, 0.063)
    assert 0.99 <= inside < 0.992


def test_figures_of_a_trial() -> None:
    p_values = np.concatenate([np.linspace(0.0005, 0.9995, 1000), [np.nan] * 5])
    trial = Trial(
        "one",
        p_values,
        p_values,
        {0.05: np.array([1.0] * 90 + [0.0] * 10 + [np.nan])},
        {0.05: np.array([0, 3, 3, NEVER])},
        looks=5,
    )
    rows = {(row.measure, row.setting): row for row in measurements("feed", [trial]) if row.measure is not Measure.uniformity}
    uniformity = next(row for row in measurements("feed", [trial]) if row.measure is Measure.uniformity)
    assert [rows[Measure.false_positives, level].value for level in (0.01, 0.05, 0.1)] == [0.01, 0.05, 0.1]
    assert rows[Measure.false_positives, 0.05].draws == 1000
    assert uniformity.value == pytest.approx(1)
    covered = rows[Measure.coverage, 0.05]
    assert (covered.value, covered.draws, covered.high, covered.finding) == (0.9, 100, 1.0, Finding.inside)
    assert rows[Measure.ever_rejected, 0.05].value == 0.75
    assert [ever_rejected(trial, 0.05, look) for look in range(5)] == [0.25, 0.25, 0.25, 0.75, 0.75]


def test_a_figure_outside_its_band_is_found() -> None:
    def figure(value: float) -> Finding:
        return Measurement("feed", "one", Measure.false_positives, 0.05, value, 0.04, 0.06, 2000).finding

    assert [figure(value) for value in (0.039, 0.04, 0.06, 0.061)] == [Finding.below, Finding.inside, Finding.inside, Finding.above]


def test_the_same_seed_gives_the_same_figures_with_any_number_of_processes(found: Calibration, short_feed: Feed) -> None:
    assert len({row.method for row in found.measurements}) > 35
    again = calibrate(short_feed, draws=6, seed=1, processes=2)
    assert list(map(repr, again.measurements)) == list(map(repr, found.measurements))
    assert repr(again.gains) == repr(found.gains)
    assert repr(calibrate(short_feed, draws=6, seed=2).measurements) != repr(found.measurements)


def test_no_draws_are_refused(short_feed: Feed) -> None:
    with pytest.raises(CountsInvalid, match="draws holds 0"):
        calibrate(short_feed, draws=0)


def test_the_console_shows_every_method(found: Calibration) -> None:
    written = StringIO()
    print_calibration(Console(file=written, width=300), found)
    text = written.getvalue()
    assert all(row.method in text for row in found.measurements)
    assert "variance removed" in text
    assert summary([found])[:40] in text
