from __future__ import annotations

import re

from benchmarks.figures import Figure
from benchmarks.performance import DOCUMENT, fill
from benchmarks.said import GOALS, SAID

from benchmarks import statistics


def test_the_document_has_every_figure_and_is_made_by_the_command() -> None:
    document = DOCUMENT.read_text()
    named = re.findall(r"^\| `([^`]+)` \|", document, flags=re.MULTILINE)
    assert named
    assert {name for name in named if not name.startswith("whole_day: ")} == set(SAID)
    figures = [Figure(name, 0.25, per_second=4000, ratio=120.4, peak_mb=99.6) for name in SAID]
    filled = fill(document, figures)
    assert f"| `stats_vs_gbstats` | {SAID['stats_vs_gbstats']} | 0.25 | 120 | ≥ 100 | yes | 4,000 | 100 MB |" in filled
    assert f"| `refresh_vs_join_of_raw` | {SAID['refresh_vs_join_of_raw']} | 0.25 | 120 | ≥ 400 | **no** |" in filled
    assert re.sub("load average [0-9.]+", "", fill(filled, figures)) == re.sub("load average [0-9.]+", "", filled)
    assert {name for name in GOALS if not name.startswith("whole_day: ")} <= set(SAID)


def test_every_figure_of_the_statistics_can_be_measured() -> None:
    found = [statistics.moments_to_effects(experiments=2, metrics=2)]
    found += statistics.stats_vs_peers(comparisons=8, peer_comparisons=4)
    found.append(statistics.randomization_test(zones=2, days=2, windows=4, draws=20))
    assert {figure.name for figure in found} <= set(SAID)
    assert all(figure.seconds > 0 for figure in found)
