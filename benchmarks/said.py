"""What each figure is, in a line for docs/performance.md, and the goal that it has to meet."""

from __future__ import annotations

from benchmarks.figures import Goal

SAID = {
    "moments_to_effects": "Exact sums of 1,000 experiments × 20 metrics × 2 treatments to all effects, intervals and p-values",
    "comparisons": "The arithmetic alone: 40,000 comparisons from ready moments",
    "stats_vs_gbstats": "The same numbers by gbstats, one comparison after another: how many times longer",
    "stats_vs_tea_tasting": "The same numbers by tea-tasting, one comparison after another: how many times longer",
    "randomization_test": "A switchback's p-value from 2,000 redrawn designs, 50 zones × 28 days × 12 windows",
    "whole_day": "A business date by one process, from Python's start to the pages, without Airflow's scheduling",
    "refresh": "Additive moments of all experiments: SQL of `experiment_moments`, its commit included",
    "refresh_quantiles": "The p90 of all experiments and what its clustered standard error is made of: SQL",
    "quantile_vs_exact": "The same by exact quantiles over the raw rows, equal to the last integer: how many times longer",
    "refresh_vs_join_of_raw": "The same by one query an experiment and metric that joins the raw table to exposures: how many times longer",
    "refresh_vs_join_of_parquet": "The same queries over Parquet: how many times longer",
    "refresh_and_statistics": "Additive moments and all statistics of all experiments",
    "refresh_vs_tea_tasting": "The same by tea-tasting over DuckDB, from ready values of units: how many times longer",
    "refresh_vs_cluster_experiments": "The same by cluster-experiments' delta method, from ready values of units: how many times longer",
    "step_vs_scan": "A daily step: load both feeds and all SQL of models; in scans of five columns of the day's deliveries",
    "step_sql_vs_scan": "Of the step, the SQL of models alone; in the same scans",
    "step_vs_peers_from_parquet": "All six metrics by the peers' queries over Parquet: how many times longer than a daily step",
    "step_tests": "The tests of the models in a daily step: SQL, not in the figures above",
    "load_vs_bare_insert": "Loading both feeds of a day with all checks; a bare `INSERT … SELECT read_parquet` as a share of it",
    "backfill_vs_peers": "As-of dates of the last month in one pass, SQL; the peers' queries over Parquet: how many times longer",
    "repair_in_daily_steps": "A corrected partition, four days late, SQL; in daily steps",
    "repair_vs_rebuild": "A rebuild of all tables, which are then the same to the last bit: how many times longer than the repair",
    "spilling": "A rebuild of all tables with 512 MB for DuckDB, which has to spill: SQL",
    "refresh_age_ratio_day70_over_day40": "Additive moments of the same units thirty days later",
    "refresh_50_over_10_experiments": "Additive moments of five times the experiments",
    "step_50_over_10_experiments": "A daily step with five times the experiments",
    "rows_x5": "A daily step with five times the deliveries",
    "units_x15": "A daily step with fifteen times the couriers",
    "step_peak_units_x15": "A day with fifteen times the couriers in a process of its own, DuckDB limited to 512 MB",
    "step_peak": "A daily step in a process of its own, DuckDB limited to 200 MB",
}
"""Steps of `whole_day` say their own names."""

GOALS = {
    "comparisons": Goal("≥", 500_000, small=500_000, of="per_second"),
    "stats_vs_gbstats": Goal("≥", 100, small=100),
    "refresh_vs_join_of_raw": Goal("≥", 400, small=20),
    "refresh_vs_tea_tasting": Goal("≥", 10),
    "step_vs_scan": Goal("≤", 15),
    "step_vs_peers_from_parquet": Goal("≥", 60),
    "load_vs_bare_insert": Goal("≥", 0.6),
    "backfill_vs_peers": Goal("≥", 40),
    "repair_in_daily_steps": Goal("≤", 5, small=3),
    "refresh_age_ratio_day70_over_day40": Goal("≤", 1.3),
    "refresh_50_over_10_experiments": Goal("≤", 3.5),
    "rows_x5": Goal("≤", 2.5),
    "units_x15": Goal("≤", 3),
    "step_peak": Goal("≤", 512, of="peak_mb"),
    "step_peak_units_x15": Goal("≤", 1024, of="peak_mb"),
    "whole_day: SQL of models": Goal("≤", 1, small=1, of="seconds"),
}
