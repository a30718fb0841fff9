"""English."""

SENTENCES = {
    # Verdicts.
    "decision.invalid": "Do not read the numbers",
    "decision.harmful": "Stop it: it does harm",
    "decision.ship": "Ship it",
    "decision.no_effect": "No effect worth having",
    "decision.keep_running": "Keep running",
    "decisions.invalid": "{count} not to be read",
    "decisions.harmful": "{count} to stop",
    "decisions.ship": "{count} to ship",
    "decisions.no_effect": "{count} with no effect",
    "decisions.keep_running": "{count} running on",
    # Why a verdict is what it is.
    "reason.sample_ratio_mismatch": (
        "The variants did not get the units they should have: {counts}. The assignment or its logging is broken."
    ),
    "reason.sample_ratio_mismatch.variant": "{variant} {units} ({observed} instead of {planned})",
    "reason.contamination": "{units} units ({share}) met more than one variant; the limit is {limit}.",
    "reason.schedule_broken": (
        "{violations} exposures ({share}) met another variant than the schedule gives their zone at that time; the limit is {limit}."
    ),
    "reason.no_units": "No unit has been exposed yet.",
    "reason.guardrail_harmed": "{effect} got worse by more than the accepted {margin}: {change}.",
    "reason.guardrail_unproven": "{effect} is not shown to be safe, a loss beyond the accepted {margin} is not ruled out: {change}.",
    "reason.primary_worse": "{effect} got worse: {change}.",
    "reason.primary_better": "{effect} got better: {change}.",
    "reason.inside_band": "{effect} moved by less than ±{band}, which does not matter: {change}.",
    "reason.undecided": "{effect} cannot be told from no change yet: {change}.",
    "reason.ended_undecided": "The planned end is reached and {effect} still cannot be told from no change: {change}.",
    "reason.no_estimate": "{effect} has no estimate: {why}.",
    "reason.metric_missing": "{metric} has no estimate.",
    "reason.any_metric": "A metric",
    "reason.unknown": "The data cannot be trusted; the data warnings say why.",
    # Effects.
    "effect": "{metric} in {treatment}",
    "effect.change": "{estimate} (interval {interval})",
    "effect.none": "no estimate",
    "effect.none_why": "no estimate, {why}",
    "effect.no_relative": "no relative effect, {why}; {finding}",
    "interval": "{low} to {high}",
    "interval.unbounded": "unbounded",
    "share.none": "no share",
    "finding.better": "better",
    "finding.worse": "worse",
    "finding.harmed": "worse than the accepted {margin}",
    "finding.inside_band": "within ±{band}, which does not matter",
    "finding.safe": "no harm beyond {margin}",
    "finding.unproven": "harm beyond {margin} not ruled out",
    "finding.undecided": "cannot be told from no change yet",
    "finding.ended_undecided": "cannot be told from no change",
    # Why the statistics have no estimate or no test: word for word what they say.
    "why.of_control": "control: {why}",
    "why.of_treatment": "treatment: {why}",
    "why.too_few_units": "fewer than two units",
    "why.zero_denominator": "the denominator is zero",
    "why.no_variation": "no variation in either variant, so no test is possible",
    "why.all_zero": "the treatment is zero for every unit, so its share of the control has no standard error",
    "why.zero_in_control": "zero lies within the control's {level} % confidence interval",
    "why.no_window": "no window has an outcome",
    "why.no_contrast": "treatment does not vary within zones and hours of the day",
    "why.few_clusters": "fewer than two clusters",
    "why.one_cluster": "one cluster alone carries the effect, so its standard error is unknown",
    "why.no_spread": "no variation, so no test is possible",
    "why.not_by_window": "quantiles, capped metrics and those with days since exposure are not estimated by window",
    "why.not_enough_units": "not enough units",
    "why.no_observation": "no observation",
    "why.nothing_above": "no observation lies above the quantile, so it has no standard error",
    "why.same_share": "every unit has the same share at or below the quantile, so it has no standard error",
    "why.few_observations": "too few units or observations for an interval around this quantile",
    "why.one_value": "all observed values are equal, so the quantile has no standard error",
    "why.undefined": "undefined",
    # Planning.
    "outlook.days.one": "about {count} more day to see {effect}",
    "outlook.days.many": "about {count} more days to see {effect}",
    "outlook.there": "enough units to see {effect}",
    "outlook.beyond": "{units} needed to see {effect}, more than will come",
    "interaction": (
        "{effect} depends on the experiment {other}: among units in {treatment} there, the effect differs by {difference} from that among "
        "units of its control."
    ),
    "remark.segments": ("{effect} differs by {dimension}: {first} for {first_segment}, {last} for {last_segment} (adjusted p {p})."),
    "remark.fades": (
        "{effect} fades with the days since exposure: by a straight line {first} on day 1, {last} on day {days} (adjusted p {p}). "
        "In the long run it may be smaller than shown."
    ),
    "remark.grows": (
        "{effect} grows with the days since exposure: by a straight line {first} on day 1, {last} on day {days} (adjusted p {p})."
    ),
    # What changed since the day before.
    "change.first": "First day in the digest",
    "change.same": "Same verdict as yesterday",
    "change.same_then": "Same verdict as yesterday (effect then {estimate})",
    "change.changed": "Changed since yesterday: {before} → {after}",
    "change.new": "new",
    # The day.
    "day.heading": "Experiments on {weekday} {day}",
    "day.orders": "{orders} orders, {deliveries} delivered · {experiments}",
    "day.notification": "Experiments on {day}: {sentence}",
    "day.none_running": "No experiment is running.",
    "day.none_running_start": "No experiment is running. A file in {folder} starts one.",
    "day.no_decision": "No experiment needs a decision today.",
    "day.important": "{verdict}: {title}.",
    "experiments.one": "{count} experiment",
    "experiments.many": "{count} experiments",
    "experiments.parts": "{experiments}: {parts}",
    "warnings.one": "{count} data warning",
    "warnings.many": "{count} data warnings",
    "warnings.blocking": "{warnings}, {blocking} of them blocking",
    "warnings.below": "{warnings}, listed below",
    "warnings.more": "and {count} more data warnings on the report page",
    "warnings.left_out": "This experiment is left out until its file is mended.",
    "warnings.broken_rows": (
        "{rows} of {objects} broke the contract and were left out, such as: {example}. "
        "They are in ops.rejected_rows (up to {accepted} is accepted)."
    ),
    "warnings.rows.one": "{count} row",
    "warnings.rows.many": "{count} rows",
    "warnings.objects.one": "{count} object",
    "warnings.objects.many": "{count} objects",
    "restated": "Restated",
    "restated.line": "Restated: {sentence}",
    "restated.withheld": "{title}: {effect} as of {day} changed after publication. {cause}",
    "restated.moved": "{title}: {effect} as of {day} was {before}, is {after}. {cause}",
    "restated.more": "and {count} more restatements on the report page",
    "restated.cause.plan": "The experiment's file or the metrics changed.",
    "restated.cause.late": "{feeds} of {dates} arrived or were corrected after the first result.",
    "restated.cause.late_objects": "{feeds} of {dates} arrived or were corrected after the first result: {objects}.",
    "restated.cause.more": "{objects} and {count} more",
    "restated.cause.deliveries": "Deliveries",
    "restated.cause.exposures": "Exposures",
    "restated.cause.both": "Deliveries and exposures",
    "restated.cause.dates": "{first} to {last}",
    "more.effects.one": "and {count} more primary effect on its page",
    "more.effects.many": "and {count} more primary effects on its page",
    "more.lines": "and {count} more",
    "more.experiments": "… and {count} more: see {pages}",
    "more.pages": "the report pages",
    "more.all_experiments": "all experiments",
    "footnote": "In brackets: the interval, anytime-valid while an experiment runs, fixed-horizon at its planned end.",
    "alarm.date": "Business date {day}",
    "alarm.title": "{title} ({day})",
    # Units.
    "units.courier.one": "{count} courier",
    "units.courier.many": "{count} couriers",
    "units.store.one": "{count} store",
    "units.store.many": "{count} stores",
    "units.customer.one": "{count} customer",
    "units.customer.many": "{count} customers",
    "units.zone.one": "{count} zone",
    "units.zone.many": "{count} zones",
    "units.window.one": "{count} window of a zone",
    "units.window.many": "{count} windows of zones",
    "unit.courier": "courier",
    "unit.store": "store",
    "unit.customer": "customer",
    "unit.zone": "zone",
    "unit.window": "window of a zone",
    "unit.courier.plural": "couriers",
    "unit.store.plural": "stores",
    "unit.customer.plural": "customers",
    "unit.zone.plural": "zones",
    "unit.window.plural": "windows of zones",
    # Time.
    "progress": "day {done} of {planned}",
    "progress.ended": "{progress}, planned end reached",
    "progress.days": "{done} of {planned} days",
    "date": "{day} {month} {year}",
    "date.short": "{day} {month}",
    "period": "{first_day} {first_month} to {last_day} {last_month} {year}",
    "period.years": "{first_day} {first_month} {first_year} to {last_day} {last_month} {last_year}",
    "month.1": "January",
    "month.2": "February",
    "month.3": "March",
    "month.4": "April",
    "month.5": "May",
    "month.6": "June",
    "month.7": "July",
    "month.8": "August",
    "month.9": "September",
    "month.10": "October",
    "month.11": "November",
    "month.12": "December",
    "month.1.short": "Jan",
    "month.2.short": "Feb",
    "month.3.short": "Mar",
    "month.4.short": "Apr",
    "month.5.short": "May",
    "month.6.short": "Jun",
    "month.7.short": "Jul",
    "month.8.short": "Aug",
    "month.9.short": "Sep",
    "month.10.short": "Oct",
    "month.11.short": "Nov",
    "month.12.short": "Dec",
    "weekday.1": "Monday",
    "weekday.2": "Tuesday",
    "weekday.3": "Wednesday",
    "weekday.4": "Thursday",
    "weekday.5": "Friday",
    "weekday.6": "Saturday",
    "weekday.7": "Sunday",
    # The pages.
    "page.title": "Experiments, {day}",
    "page.skip": "Skip to the content",
    "page.as_of": "As of {day}",
    "page.all_experiments": "All experiments",
    "page.orders": "Orders",
    "page.delivered": "Delivered",
    "page.experiments": "Experiments",
    "page.warnings": "Data warnings",
    "page.blocking": "Blocking",
    "page.warning": "Warning",
    "page.withheld": "Effects withheld",
    "page.withheld_why": "Effects withheld: {why}",
    "page.withheld_all": (
        "No effect is shown, because none could be believed. Repair the cause, then start the experiment again with new units. "
        "Whoever looks for the cause finds all figures in the table {table}."
    ),
    "page.no_primary": "no primary effect",
    "page.more": "and {count} more",
    "page.index_note": (
        "Bars share one scale, no effect in the middle. Shaded: effects too small to matter. "
        "Intervals are anytime-valid while an experiment runs and fixed-horizon at its planned end."
    ),
    "page.verdict": "Verdict",
    "page.other_warnings.one": "The day has {count} data warning.",
    "page.other_warnings.many": "The day has {count} data warnings.",
    "page.see_all": "See all experiments.",
    "page.trust": "Can it be trusted?",
    "page.ratio": "Sample ratio",
    "page.ratio_holds": "Sample ratio holds",
    "page.ratio_broken": "Sample ratio does not hold",
    "page.schedule": "Schedule",
    "page.schedule_kept": "The schedule was kept",
    "page.schedule_broken": "The schedule was not kept",
    "page.schedule_note": (
        "{violations} of {exposures} exposures met another variant than scheduled, {outside} are outside of the schedule; the "
        "limit is {limit}."
    ),
    "page.windows": "Windows",
    "page.windows_note": (
        "{zones} zones with {windows} planned windows of {minutes} minutes each; {burn_in} minutes after every switch, and "
        "{orders} orders in them, are left out."
    ),
    "page.by_design": "By the design of the schedule",
    "page.by_design_method": "Method",
    "page.by_design_effect": "Relative effect",
    "page.by_design_redrawn": "p by redrawing",
    "page.by_design_carryover": "p of carry-over",
    "page.by_design_regression": "regression",
    "page.by_design_note": (
        "Hájek and Horvitz–Thompson allow for windows of carry-over: {order}. The regression allows for none; a small p of "
        "carry-over says that it should have. By redrawing: how often another schedule that could have been drawn has so large "
        "an effect by chance."
    ),
    "page.one_variant": "One variant each",
    "page.clean": "Each met one variant",
    "page.contaminated": "Too many met several variants",
    "page.contamination_note": "{units} met more than one variant and left the analysis; the limit is {limit}.",
    "page.variant": "Variant",
    "page.control": "Control",
    "page.treatment": "Treatment",
    "page.is_control": "control",
    "page.share": "Share",
    "page.planned_share": "Planned",
    "page.ratio_running": (
        "p {sequential}, valid on every day (sequential test of the daily counts); χ² test p {fixed}. The alarm level is {level}."
    ),
    "page.ratio_ended": "χ² test p {fixed}; p {sequential} over all days (sequential test). The alarm level is {level}.",
    "page.split.days.fine": "By day of exposure: the split holds on each of them",
    "page.split.days.alike": "By day of exposure: no single day stands out",
    "page.split.days.broken": "By day of exposure: the split does not hold on {parts}",
    "page.split.segments.fine": "By segment: the split holds in each of them",
    "page.split.segments.alike": "By segment: no single one stands out",
    "page.split.segments.broken": "By segment: the split does not hold in {parts}",
    "page.exposure_day": "Exposed on",
    "page.adjusted_p": "adjusted p",
    "page.effects": "Effects",
    "page.by_segment": "By segment",
    "page.segment": "Segment",
    "page.segments_summary": "{effect} by {dimension}: {test}",
    "page.segments_alike": "no difference beyond chance (adjusted p {p})",
    "page.segments_differ": "the effect differs (adjusted p {p})",
    "page.segments_weekly": "tested at the end of each week",
    "page.segments_few": "too few segments with enough units to compare",
    "page.segments_more.one": "{count} smaller segment is in results.experiment_results.",
    "page.segments_more.many": "{count} smaller segments are in results.experiment_results.",
    "page.segments_suppressed.one": "{count} segment is not shown: a variant has fewer than {least} {units} in it.",
    "page.segments_suppressed.many": "{count} segments are not shown: a variant has fewer than {least} {units} in each.",
    "page.segments_note": (
        "Where the test finds no difference, a segment that stands out does so by chance. Each interval holds for its segment alone."
    ),
    "page.by_day": "By day since exposure",
    "page.day_since_exposure": "Day",
    "page.by_day_summary": "{effect} by day since exposure: {test}",
    "page.trend_none": "no trend beyond chance (adjusted p {p})",
    "page.trend_found": "it changes with the days (adjusted p {p})",
    "page.trend_unknown": "no trend can be told",
    "page.by_day_note": (
        "{units} that were watched on all {days} days; the day of the exposure is left out. "
        "Each interval is fixed-horizon, for its day alone."
    ),
    "page.metric": "Metric",
    "page.difference": "Difference",
    "page.change": "Relative change",
    "page.anytime": "Anytime-valid",
    "page.fixed": "Fixed-horizon",
    "page.interval_p": "interval, p",
    "page.interval_p_adjusted": "interval, p, adjusted p",
    "page.adjusted": "adjusted {p}",
    "page.is_adjusted": "adjusted",
    "page.without_value": "{share} of orders have no value",
    "page.role.primary": "primary",
    "page.role.secondary": "secondary",
    "page.role.guardrail": "guardrail",
    "page.direction.increase": "higher is better",
    "page.direction.decrease": "lower is better",
    "page.shaded": (
        "Bars share one scale, no effect in the middle. Shaded: effects that do not matter (primary) or are accepted (guardrails)."
    ),
    "page.counts_running": "While the experiment runs only the anytime-valid intervals count: they may be read every day.",
    "page.counts_ended": "The planned end is reached: the fixed-horizon interval counts.",
    "page.outlook": "How much longer?",
    "page.outlook_matters": "Smallest change that matters",
    "page.outlook_needed": "Units needed to see it",
    "page.outlook_to_go": "Days to go",
    "page.outlook_detectable": "Change seen at the planned end",
    "page.outlook_note": (
        "With a chance of {power} each: read every day, or at the planned end. From the variance so far and the pace of the last two "
        "weeks. A forecast, no promise."
    ),
    "page.details": "The numbers another way",
    "page.details_note": (
        "Chance to be better and expected loss: the same data seen as a probability, starting from “probably within ±{prior}”. "
        "They decide nothing here and do not make up for looking early."
    ),
    "page.chance": "Chance to be better",
    "page.loss": "Expected loss",
    "page.credible": "Probable change",
    "page.variance_removed": "Variance removed",
    "page.unadjusted": "Without adjustment",
    "page.safe_p": "p, no worse than the margin",
    "page.course": "Over time",
    "page.course_caption": "{role}, relative change",
    "page.course_title": "{effect}: relative change by as-of date with its anytime-valid interval",
    "page.course_days": "The days as a table",
    "page.course_as_of": "As of",
    "page.course_change": "Change",
    "page.course_interval": "Anytime-valid interval",
    "page.course_note": (
        "Line: the estimate as of each day, everything since the start counted. Band: its anytime-valid interval. "
        "Shaded: effects that do not matter (primary) or are accepted (guardrails). Dashed: the planned end."
    ),
    "page.about": "About",
    "page.owner": "Owner",
    "page.service": "Service",
    "page.unit": "Unit",
    "page.planned": "Planned",
    "page.progress": "Progress",
    "page.experiment": "Experiment",
    "page.registry": "Registry",
    "page.methods": "How these numbers are made",
    "page.method.welch": (
        "Means and shares: difference per {unit}, units without an event counted as 0; Welch’s variance and degrees of freedom."
    ),
    "page.method.delta": (
        "Ratios: sum over sum, variance by the delta method over {units}, so that orders of one {unit} are not taken as independent."
    ),
    "page.method.quantile": (
        "Quantiles: an observed value of all orders that have one; its variance is that of the {units}' shares of orders up to it, so that "
        "orders of one {unit} are not taken as independent."
    ),
    "page.method.cuped": (
        "Adjusted effects: what the same {units} did before their exposure explains a part of their differences, which is taken out "
        "(CUPED). It makes the interval narrower and cannot favour a variant."
    ),
    "page.method.cr2": (
        "Fewer than 50 {units} in a variant: ratios with variance and degrees of freedom for few clusters (CR2, Bell–McCaffrey)."
    ),
    "page.method.levels": (
        "Every interval has level {level}. Anytime-valid intervals are asymptotic confidence sequences tuned to the planned size: "
        "they hold on all days at once."
    ),
    "page.method.families": (
        "Adjusted p: Holm over primary metrics and treatments, Benjamini–Hochberg over secondary ones. "
        "Guardrails are tested one by one, one-sided against their margin."
    ),
    "page.method.switchback": (
        "Switchback: regression over {units} with effects of zone and hour of the day; standard errors with degrees of freedom "
        "for few clusters (CR2), clustered by what the schedule drew at once. Its anytime-valid interval counts these clusters."
    ),
    "page.method.ratio": (
        "Sample ratio: all exposed {units} against the planned shares, by a sequential multinomial test of the daily counts while the "
        "experiment runs and by the χ² test at its planned end; each day of exposure by itself with Holm’s correction."
    ),
    # The terminal.
    "console.as_of": "{experiment} as of {day}",
    "console.left_out": "The numbers are left out here; `--format json` and `--format csv` have them, to look for the cause.",
    "console.metric": "metric",
    "console.role": "role",
    "console.treatment": "treatment",
    "console.units": "units",
    "console.absolute": "absolute",
    "console.relative": "relative",
}
