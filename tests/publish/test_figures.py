from __future__ import annotations

import pytest

from example_digests import cancellations, effect, revenue
from splitmile.publish import figures
from splitmile.results.comparisons import Interval


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_digits_follow_the_uncertainty() -> None:
    shown = effect(relative=-0.0206, error=0.0043)
    assert plain(figures.difference(shown, shown.absolute.interval)) == "−41 s (−58 to −24)"
    sharp = effect(relative=-0.0206, error=0.00002)
    assert plain(figures.difference(sharp, sharp.absolute.interval)) == "−41.282 s (−41.361 to −41.204)"


def test_shares_are_shown_in_per_cent_and_differ_by_percentage_points() -> None:
    shown = cancellations(relative=0.131)
    assert plain(figures.value(shown, shown.control_value, shown.absolute.interval)) == "4.12 %"
    assert plain(figures.difference(shown, shown.absolute.interval)) == "+0.54 pp (+0.40 to +0.68)"


def test_large_amounts_have_thousands() -> None:
    shown = revenue()
    assert plain(figures.value(shown, shown.control_value, shown.absolute.interval)) == "1,284,310 KRW"


def test_no_estimate_is_a_dash_and_an_open_end_is_named() -> None:
    assert figures.percent_change(None) == figures.NO_FIGURE
    assert figures.value(effect(), None, None) == figures.NO_FIGURE
    assert plain(figures.interval_change(Interval(None, 0.01))) == "unbounded to +1.00 %"


def test_zero_has_no_sign() -> None:
    assert plain(figures.percent_change(-0.00001)) == "0.00 %"


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(None, "–"), (0.5, "0.50"), (0.0213, "0.021"), (3.7e-28, "3.7 × 10⁻²⁸"), (0.0, "< 10⁻³⁰⁰"), (1.0, "1.00")],
)
def test_a_p_value_is_never_a_false_zero(probability: float | None, shown: str) -> None:
    assert figures.p_value(probability) == shown


@pytest.mark.parametrize(("probability", "shown"), [(None, "–"), (0.973, "97 %"), (0.9999, "> 99 %"), (0.0001, "< 1 %")])
def test_a_chance_is_never_a_false_certainty(probability: float | None, shown: str) -> None:
    assert plain(figures.chance(probability)) == shown


def test_a_loss_that_does_not_show_is_no_zero() -> None:
    assert [plain(figures.loss(loss)) for loss in (0.0, 0.00004, 0.0001, 0.00403)] == ["< 0.01 %", "< 0.01 %", "0.01 %", "0.40 %"]


def test_sentences_get_minus_signs_but_names_keep_their_hyphens() -> None:
    assert (
        plain(figures.typographic("v-2 moved -1.50 % (interval -3 to +1 %), 2026-03-29"))
        == "v-2 moved −1.50 % (interval −3 to +1 %), 2026-03-29"
    )


@pytest.mark.parametrize("width", [1e-9, 1e-3, 1.0, 1e6])
def test_any_width_gives_a_readable_number(width: float) -> None:
    shown = effect(relative=0.01, error=width)
    assert len(figures.difference(shown, shown.absolute.interval)) < 60
