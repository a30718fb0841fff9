"""Counts of units against planned shares."""

from __future__ import annotations

from collections.abc import Sequence

from splitmile import stats
from splitmile.results.from_arrays import number
from splitmile.results.readouts import ArmCount, SplitReadout
from splitmile.results.scorecards import SampleRatio
from splitmile.settings import Trust
from splitmile.workbench.refusals import OptionInvalid


def check_split(names: Sequence[str], units: Sequence[int], shares: Sequence[float], *, is_sequential: bool = False) -> SplitReadout:
    """The test for a sample ratio mismatch, with the counts that it saw.

    Args:
        names: Variants.
        units: Units of each.
        shares: Planned share of each; they sum to 1.
        is_sequential: The counts are looked at while they grow, so the anytime-valid test counts, not χ².

    Raises:
        OptionInvalid: Fewer than two variants, or counts and shares differ in number.

    Source:
        Fabijan, A. et al. (2019), Diagnosing sample ratio mismatch in online controlled experiments, KDD 2019; Lindon, M. &
        Malek, A. (2022), NeurIPS 35, for the anytime-valid test.

    Example:
        >>> check_split(["a", "b"], [600, 400], [0.5, 0.5]).srm.is_mismatch
        True
    """
    if len(units) < 2:
        raise OptionInvalid(f"{len(units)} count is given; a split needs the units of two variants or more")
    if len(units) != len(shares):
        raise OptionInvalid(f"--shares has {len(shares)} shares and there are {len(units)} counts; give each variant its share")
    test = stats.chi_squared_srm(list(units), list(shares))
    p_value = number(test.p_value)
    sequential = number(stats.sequential_srm([list(units)], list(shares)).p_value[0]) if is_sequential else None
    counting = sequential if is_sequential else p_value
    alarm_level = Trust().sample_ratio_alarm
    total = sum(units)
    return SplitReadout(
        variants=tuple(
            ArmCount(name, count, share, count / total if total else None) for name, count, share in zip(names, units, shares, strict=True)
        ),
        srm=SampleRatio(
            statistic=number(test.statistic),
            degrees_of_freedom=int(test.degrees_of_freedom),
            p_value=p_value,
            sequential_p_value=sequential,
            is_mismatch=bool(test.has_unplanned) or (counting is not None and counting < alarm_level),
            alarm_level=alarm_level,
        ),
    )
