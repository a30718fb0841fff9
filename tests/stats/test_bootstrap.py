from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from splitmile.stats import CountsInvalid
from splitmile.stats.bootstrap import wild_cluster_bootstrap
from stats.clustered_rows import r_normals, sandwich

pytestmark = pytest.mark.filterwarnings("error")


def few_clusters(seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(7), [3, 8, 5, 2, 6, 4, 7])
    x = np.column_stack((np.ones(35), cluster % 2, rng.normal(size=35)))
    return x, rng.normal(size=35) + rng.normal(size=7)[cluster] + x[:, 1], cluster


def test_all_patterns_of_signs_as_the_paper_counts_them() -> None:
    """Every one of the 2⁷ bootstrap samples made and regressed anew, with Stata's clustered errors."""
    x, y, cluster = few_clusters()
    restricted = np.delete(x, 1, axis=1)
    fitted = restricted @ np.linalg.lstsq(restricted, y, rcond=None)[0]
    observed = sandwich(x, y, cluster, 1, "CR1")
    reached = []
    for signs in itertools.product([-1, 1], repeat=7):
        drawn = sandwich(x, fitted + np.array(signs)[cluster] * (y - fitted), cluster, 1, "CR1")
        reached.append(abs(drawn.estimate / drawn.standard_error) >= abs(observed.estimate / observed.standard_error) - 1e-9)
    found = [wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=d, seed=1, weights="rademacher") for d in (128, 9999)]
    assert found == [np.mean(reached)] * 2


def test_drawn_weights_come_near_the_full_count() -> None:
    x, y, cluster = few_clusters()
    full = wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=128, seed=1, weights="rademacher")
    drawn = wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=127, seed=1, weights="rademacher")
    webb = wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=20000, seed=1)
    assert drawn == pytest.approx(full, abs=4 * math.sqrt(full * (1 - full) / 127))
    assert webb == pytest.approx(full, abs=0.06)
    assert webb == wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=20000, seed=1)
    assert webb != wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=20000, seed=2)


def test_ten_clusters_take_signs_and_the_published_example_agrees_with_its_t_test() -> None:
    (outcome,) = r_normals(7, 1000)
    x = np.column_stack((np.ones(1000), np.arange(1000) < 150))
    cluster = np.repeat(np.arange(11), [50] * 10 + [500])
    found = wild_cluster_bootstrap(x, outcome, cluster, coefficient=1, draws=2048, seed=1)
    assert found * 2048 % 2 == 0  # every pattern and its mirror image
    assert found == pytest.approx(0.0731, abs=0.03)  # Bell and McCaffrey's p-value


def test_no_test_is_possible() -> None:
    x, y, cluster = few_clusters()
    nothing = {"coefficient": 1, "draws": 99, "seed": 1}
    assert math.isnan(wild_cluster_bootstrap(x, y, np.zeros(35), **nothing))
    assert math.isnan(wild_cluster_bootstrap(x[:, [0, 0, 2]], y, cluster, **nothing))
    assert math.isnan(wild_cluster_bootstrap(x, np.full(35, 4.0), cluster, **nothing))
    assert math.isnan(wild_cluster_bootstrap(np.ones((3, 1)), [2.0, 2.0, 2.0], [0, 1, 2], coefficient=0, draws=99, seed=1))
    with pytest.raises(CountsInvalid, match="draws"):
        wild_cluster_bootstrap(x, y, cluster, coefficient=1, draws=0, seed=1)
