"""What is asked of a file: its metrics, covariates and shares, read from the words of the command line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from splitmile.workbench.refusals import OptionInvalid, suggestion

Kind = Literal["mean", "proportion", "ratio", "quantile"]

_METRIC = re.compile(r"(?P<name>[^=]+)=\s*(?P<kind>\w+)\s*\((?P<arguments>.*)\)\s*", re.DOTALL)
_FORMS = "NAME=mean(COL), NAME=proportion(COL), NAME=ratio(NUM,DEN) or NAME=quantile(COL,0.9)"
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class AskedMetric:
    """One metric of a file.

    Attributes:
        name: As it is called in the answer.
        kind: How the column becomes a number.
        numerator: Column of the values; of a ratio the one above the line.
        denominator: Column below the line of a ratio; `None` for all others.
        probability: Of a quantile, 0.9 for the 90th percentile; `None` for all others.
        covariate: Column of the covariate, measured before exposure; for a ratio two columns where it is one as well.
    """

    name: str
    kind: Kind
    numerator: str
    denominator: str | None = None
    probability: float | None = None
    covariate: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of numbers, those of the covariate not among them."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that is asked of a file.

    Attributes:
        variant: Column of the variants; `None` where there are none yet, as before an experiment.
        control: Variant that the others are compared with.
        metrics: What is compared.
        unit: Column of the units; `None` where each row is one.
        cluster: Column of what is independent, where that is above the unit.
        segment: Column of the segments, a property of the unit.
        shares: Planned share of each variant; `None` for equal ones.
        alpha: Two-sided level of every interval.
        planned_units: Units of the whole experiment, where it is looked at while it runs.
    """

    variant: str | None
    control: str
    metrics: tuple[AskedMetric, ...]
    unit: str | None = None
    cluster: str | None = None
    segment: str | None = None
    shares: dict[str, float] | None = None
    alpha: float = 0.05
    planned_units: int | None = None

    @property
    def labels(self) -> list[str]:
        """Columns of names."""
        return [column for column in (self.variant, self.unit, self.cluster, self.segment) if column is not None]

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers."""
        return [column for metric in self.metrics for column in (*metric.columns, *metric.covariate)]

    def __post_init__(self) -> None:
        """Refuse what no file could answer."""
        require_level("--alpha", self.alpha)
        if self.planned_units is not None and self.planned_units < 2:
            raise OptionInvalid(f"--sequential is {self.planned_units}; expected the planned number of units, all variants together")
        if not self.metrics:
            raise OptionInvalid(f"there is no --metric; give one or more as {_FORMS}")
        names = [metric.name for metric in self.metrics]
        for name in names:
            if names.count(name) > 1:
                raise OptionInvalid(f"--metric: {names.count(name)} metrics are named {name!r}; give each a name of its own")


def require_level(option: str, probability: float) -> None:
    """Refuse a probability that is not strictly between 0 and 1.

    Raises:
        OptionInvalid: It is not.
    """
    if not 0 < probability < 1:
        raise OptionInvalid(f"{option} is {probability:g}; expected a number strictly between 0 and 1 such as 0.05")


def read_metric(text: str) -> AskedMetric:
    """A metric from its words; a column whose name has a comma stands in double quotes.

    Raises:
        OptionInvalid: It is none of the four forms, or the probability of a quantile is not between 0 and 1.

    Example:
        >>> read_metric("delivery=ratio(seconds,deliveries)").columns
        ('seconds', 'deliveries')
    """
    found = _METRIC.fullmatch(text)
    name = found["name"].strip() if found else ""
    if found is None or not name:
        raise OptionInvalid(f"--metric is {text!r}; expected {_FORMS}")
    if found["kind"] not in get_args(Kind):
        raise OptionInvalid(f"--metric {text!r}: there is no kind {found['kind']!r}; expected {_FORMS}")
    kind = cast(Kind, found["kind"])
    arguments = _words(found["arguments"])
    wanted = 2 if kind in ("ratio", "quantile") else 1
    if len(arguments) != wanted or not all(arguments):
        raise OptionInvalid(f"--metric {text!r}: {kind} takes {'two arguments' if wanted == 2 else 'one column'}; expected {_FORMS}")
    if kind == "ratio":
        return AskedMetric(name, kind, arguments[0], denominator=arguments[1])
    if kind == "quantile":
        probability = _number(arguments[1])
        if not 0 < probability < 1:
            raise OptionInvalid(
                f"--metric {text!r}: {arguments[1]!r} is no probability strictly between 0 and 1; 0.9 asks for the 90th percentile"
            )
        return AskedMetric(name, kind, arguments[0], probability=probability)
    return AskedMetric(name, kind, arguments[0])


def read_outcome(text: str) -> AskedMetric:
    """An outcome of a switchback experiment from `NAME=COL` or `NAME=NUM/DEN`.

    Raises:
        OptionInvalid: It is neither.
    """
    name, equals, columns = (part.strip() for part in text.partition("="))
    parts = [part.strip() for part in columns.split("/")]
    if not name or not equals or len(parts) > 2 or not all(parts):
        raise OptionInvalid(f"--outcome is {text!r}; expected NAME=COL for a mean or NAME=NUM/DEN for a ratio")
    return AskedMetric(name, "mean", parts[0]) if len(parts) == 1 else AskedMetric(name, "ratio", parts[0], denominator=parts[1])


def with_covariates(metrics: Sequence[AskedMetric], texts: Sequence[str]) -> tuple[AskedMetric, ...]:
    """The metrics, each with its covariate from `NAME=COL`, or `NAME=NUM,DEN` for a ratio.

    Raises:
        OptionInvalid: It cannot be read, no metric has that name, or the metric cannot have it.
    """
    by_name = {metric.name: metric for metric in metrics}
    for text in texts:
        name, equals, columns_text = (part.strip() for part in text.partition("="))
        columns = tuple(_words(columns_text))
        if not equals or not all(columns) or len(columns) not in (1, 2):
            raise OptionInvalid(f"--covariate is {text!r}; expected NAME=COL, or NAME=NUM,DEN for a ratio, with the name of a metric")
        if name not in by_name:
            raise OptionInvalid(f"--covariate {text!r}: no metric is named {name!r}; {suggestion(name, by_name, 'metric')}")
        metric = by_name[name]
        if metric.kind == "quantile":
            raise OptionInvalid(f"--covariate {text!r}: a quantile takes no covariate; leave it out for {name!r}")
        if metric.covariate:
            raise OptionInvalid(f"--covariate {text!r}: {name!r} has one already; give each metric one covariate")
        if len(columns) == 2 and metric.kind != "ratio":
            raise OptionInvalid(f"--covariate {text!r}: {name!r} is a {metric.kind}, so its covariate is one column")
        by_name[name] = replace(metric, covariate=columns)
    return tuple(by_name[metric.name] for metric in metrics)


def read_shares(text: str) -> dict[str, float]:
    """Planned shares by variant from `a=0.5,b=0.5`.

    Raises:
        OptionInvalid: It cannot be read, a variant comes twice, or the shares do not sum to 1.
    """
    shares: dict[str, float] = {}
    for word in _words(text):
        name, equals, share = (part.strip() for part in word.rpartition("="))
        if not equals or not name:
            raise OptionInvalid(f"--shares is {text!r}; expected the share of each variant, such as control=0.5,treatment=0.5")
        if name in shares:
            raise OptionInvalid(f"--shares names {name!r} twice; give each variant one share")
        shares[name] = _number(share)
    require_shares(text, list(shares.values()))
    return shares


def read_plain_shares(text: str) -> list[float]:
    """Planned shares in the order of the counts from `0.5,0.5`.

    Raises:
        OptionInvalid: It cannot be read, or the shares do not sum to 1.
    """
    shares = [_number(word) for word in _words(text)]
    require_shares(text, shares)
    return shares


def read_effect(text: str) -> tuple[float, bool]:
    """An effect and whether it is relative, from `0.5` or `2%`.

    Raises:
        OptionInvalid: It is no number.
    """
    is_relative = text.strip().endswith("%")
    size = _number(text.strip().removesuffix("%"))
    if not math.isfinite(size):
        raise OptionInvalid(
            f"--effect is {text!r}; expected a difference in the metric's own unit such as 0.5, or of the baseline such as 2%"
        )
    return (size / 100 if is_relative else size), is_relative


def require_shares(text: str, shares: Sequence[float]) -> None:
    """Refuse shares that do not split the units.

    Raises:
        OptionInvalid: One is no number from 0 to 1, or they do not sum to 1.
    """
    if not all(0 <= share <= 1 for share in shares):
        raise OptionInvalid(f"--shares is {text!r}; each share has to be a number from 0 to 1")
    if abs(sum(shares) - 1) > _ROUNDING:
        raise OptionInvalid(f"--shares is {text!r}: the shares sum to {sum(shares):g}; they have to sum to 1")


def _words(text: str) -> list[str]:
    return [word.strip() for word in next(csv.reader([text], skipinitialspace=True), [])]


def _number(text: str) -> float:
    """The number that a word is; NaN, which no range holds, for a word that is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
