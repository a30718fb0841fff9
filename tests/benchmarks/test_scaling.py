from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from benchmarks.cost_model import Workload, rows_of_a_day
from benchmarks.feed import FIRST_DATE, METRICS, Town
from benchmarks.measure import Measured, Series, measure
from benchmarks.scaling import DOCUMENT, MEASURED
from benchmarks.tables import LARGE_TABLES, MarkerUnknown, fill
from benchmarks.worker import measure_partition

from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Feeds, Settings


@pytest.fixture
def kept() -> Measured:
    measured: Measured = json.loads(MEASURED.read_text())
    return measured


def test_the_document_shows_what_was_measured(kept: Measured) -> None:
    assert fill(DOCUMENT.read_text(), kept) == DOCUMENT.read_text(), "run: python -m benchmarks.scaling --fill-only"


def test_a_figure_that_was_not_measured_is_noticed(kept: Measured) -> None:
    document = DOCUMENT.read_text()
    other = copy.deepcopy(kept)
    other["points"][0]["rows"]["marts.unit_days"]["written"] *= 2
    assert fill(document, other) != document


def test_a_marker_without_a_table_and_a_table_without_a_marker_are_noticed(kept: Measured) -> None:
    document = DOCUMENT.read_text()
    with pytest.raises(MarkerUnknown, match="no-such"):
        fill(document + "\n<!-- measured: no-such -->\n\n<!-- end -->", kept)
    with pytest.raises(MarkerUnknown, match="machine"):
        fill(document.replace("measured: machine", "not: machine"), kept)


def test_the_model_gives_the_rows_that_were_measured(kept: Measured) -> None:
    for point in kept["points"]:
        days = point["day"]
        expected = rows_of_a_day(
            Workload(deliveries=point["deliveries"], experiments=point["experiments"], age_days=days, history_days=days)
        )
        for name in LARGE_TABLES:
            # Few experiments are on few zones, which are not all alike, and values depend on how many orders these have.
            tolerance = 0.15 if name == "marts.experiment_histograms" else 0.05
            where = (point["deliveries"], point["experiments"], days, name)
            assert point["rows"][name]["written"] == pytest.approx(expected[name].written, rel=tolerance), where
        for name in ("marts.unit_totals", "marts.experiment_units", "marts.experiment_unit_windows"):
            assert point["rows"][name]["kept"] == pytest.approx(expected[name].kept, rel=0.05), (point["deliveries"], days, name)


def test_a_town_exposes_a_unit_before_its_first_order_and_always_to_one_variant() -> None:
    days = Town(Workload(deliveries=2_000, experiments=5, traffic_share=0.5)).days()
    (first_date, deliveries, exposures), (_, _, again) = next(days), next(days)
    assert first_date == FIRST_DATE
    assert deliveries["delivery_id"].is_unique
    customers = exposures[exposures["experiment_id"] == "experiment_0000"].set_index("unit_id")
    first_orders = deliveries.groupby("customer_id")["ordered_at"].min()
    assert (customers["exposed_at"] < first_orders[customers.index]).all()
    both = exposures.merge(again, on=["experiment_id", "unit_id"])
    assert len(both)
    assert (both["variant_x"] == both["variant_y"]).all()


@pytest.mark.slow
def test_a_small_day_is_measured_as_the_kept_ones_were(kept: Measured) -> None:
    series = (Series(Workload(deliveries=400, experiments=5), (2,)),)
    measured = json.loads(json.dumps(measure(series, worker_sizes=(400,), worker_objects=(1, 3), say=lambda _: None)))
    # The tables are made of the kept figures by other tests; figures of the same names can make them as well.
    assert names_of(measured) == names_of(kept)
    (point,) = measured["points"]
    assert point["day"] == 2
    assert point["rows"]["landing.deliveries"]["written"] < point["rows"]["landing.deliveries"]["kept"]
    assert point["rows"]["marts.delivery_observations"]["kept"] == point["rows"]["landing.deliveries"]["kept"]
    assert point["rows"]["results.experiment_results"]["written"] == 5 * len(METRICS)
    assert point["rows_read"]["unit_days"] >= point["rows"]["landing.deliveries"]["written"]
    assert [(load["format"], load["objects"]) for load in measured["worker"]] == [
        ("parquet", 1),
        ("parquet", 3),
        ("csv.gz", 1),
        ("jsonl.gz", 1),
    ]
    for load in measured["worker"]:
        assert load["prepared_bytes"] > 0
        assert load["peak_bytes"] >= load["left_bytes"]


def names_of(measured: Measured) -> dict[str, list[str]]:
    """The names under which there are figures."""
    return {"machine": sorted(measured["machine"]), **{kind: sorted(measured[kind][0]) for kind in ("worker", "points")}}


def test_nothing_that_is_prepared_for_a_measurement_remains(s3: StoreCredentials, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, feeds=Feeds(bucket="scaling"))
    store = ObjectStore("scaling", s3)
    store.ensure_bucket()
    _, deliveries, _ = next(Town(Workload(deliveries=400, experiments=1)).days())
    found = measure_partition(settings, store, deliveries, "parquet", 2)
    assert found["prepared_bytes"] > 0
    assert [stored.key.split("/")[0] for stored in store.list_objects("")] == [settings.feeds.prefix] * 2
    assert not list(tmp_path.iterdir())
