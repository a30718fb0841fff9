from __future__ import annotations

import re

from benchmarks.performance import DOCUMENT, SAID, fill
from benchmarks.statistics import Figure

from benchmarks import statistics


def test_the_document_has_every_figure_and_is_made_by_the_command() -> None:
    document = DOCUMENT.read_text()
    assert re.findall(r"^\| `(\w+)` \|", document, flags=re.MULTILINE) == list(SAID)
    figures = [Figure(name, 0.25, per_second=4000, ratio=120.4, peak_mb=99.6) for name in SAID]
    filled = fill(document, figures)
    assert f"| `comparisons` | {SAID['comparisons']} | 0.25 | 4,000 | 120 times | 100 MB |" in filled
    assert fill(filled, figures) == filled


def test_every_figure_can_be_measured() -> None:
    found = [statistics.moments_to_effects(experiments=2, metrics=2)]
    found += statistics.stats_vs_peers(comparisons=8, peer_comparisons=4)
    found.append(statistics.randomization_test(zones=2, days=2, windows=4, draws=20))
    assert [figure.name for figure in found] == list(SAID)
    assert all(figure.seconds > 0 for figure in found)
