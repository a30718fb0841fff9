"""Settings: one file, `splitmile.toml`, and environment variables over it.

Every key of the file can be overridden as `SPLITMILE_<KEY>`, nested keys with two underscores:
`SPLITMILE_WAREHOUSE__ENGINE=redshift`. Secrets are never settings: they are Airflow connections.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from splitmile.errors import SettingsInvalid


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database; an example is 'Asia/Seoul'") from error
    return name


Language = Literal["en", "ko"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


FIXED_FROM, FIXED_TO = datetime(1995, 1, 1, tzinfo=UTC), datetime(2055, 1, 1, tzinfo=UTC)
"""Instants for which it is known whether the clocks of a zone change."""


@lru_cache
def _fixed_offset_minutes(timezone: str) -> int | None:
    zone = ZoneInfo(timezone)
    # No change of clocks lasts less than a month.
    days = range(0, (FIXED_TO - FIXED_FROM).days + 1, 15)
    offsets = {(FIXED_FROM + timedelta(days=day)).astimezone(zone).utcoffset() for day in days}
    offset = offsets.pop() or timedelta()
    minutes = offset.total_seconds() / 60
    return None if offsets or minutes % 1 else int(minutes)


class BusinessDay(_Section):
    """A business date is the local day that starts at the cut-over hour.

    Attributes:
        timezone: IANA name.
        cutover_hour: Local hour at which a business date begins.
    """

    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Seoul"
    cutover_hour: int = Field(default=5, ge=0, le=23)

    def date_of(self, instant: datetime) -> date:
        """The business date of an instant; a naive one is taken as UTC."""
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return (aware.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None) - timedelta(hours=self.cutover_hour)).date()

    def starts_at(self, business_date: date) -> datetime:
        """The UTC instant at which a business date begins."""
        return datetime.combine(business_date, time(self.cutover_hour), ZoneInfo(self.timezone)).astimezone(UTC)

    @property
    def fixed_offset_minutes(self) -> int | None:
        """Minutes from UTC where the zone's clocks stay as they are between `FIXED_FROM` and `FIXED_TO`; none where they change.

        Adding minutes is some ten times faster than converting each row's instant to local time.
        """
        return _fixed_offset_minutes(self.timezone)


class Feeds(_Section):
    """Where the feeds lie and when a partition is refused.

    Attributes:
        bucket, prefix: The feeds are below `s3://bucket/prefix/<feed>/date=YYYY-MM-DD/`.
        lookback_dates: Business dates, counted back from the run's, whose objects are compared with the ledger; and how many dates a
            later version may move an event.
        wait_hours: How long after it was due an ingest waits for the first objects of its date before it goes on with what is there.
        max_rejected_share: Share of a partition's rows that may break the contract before the load stops.
        on_empty, on_shrunk: What an empty partition, or one that lost more than half its rows, does to the load.
    """

    bucket: str = "splitmile"
    prefix: str = "feeds"
    lookback_dates: int = Field(default=7, ge=1)
    wait_hours: float = Field(default=6.0, ge=0, le=23)
    max_rejected_share: float = Field(default=0.01, ge=0, le=1)
    on_empty: Literal["block", "warn"] = "warn"
    on_shrunk: Literal["block", "warn"] = "block"


class RedshiftSettings(_Section):
    """How Redshift is used. Where it is and who logs in is the Airflow connection `redshift_default`.

    Attributes:
        copy_authorization: Whether COPY reads S3 by the cluster's IAM role, or by the keys of the connection `aws_default`.
        iam_role: The role that COPY assumes: its ARN, or `default` for the cluster's default role.
        staging_prefix: Prepared objects are put below `s3://bucket/staging_prefix/` of the feeds' bucket, and removed after COPY.
        statement_timeout_seconds: No statement runs longer; 0 sets no limit.
        analyst_role: Role that may read the marts, the registry and the results; none grants nothing.
    """

    copy_authorization: Literal["iam_role", "connection_keys"] = "iam_role"
    iam_role: str = Field(default="default", pattern=r"^(default|arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)$")
    staging_prefix: str = Field(default="staging", pattern=r"^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$")
    statement_timeout_seconds: int = Field(default=3600, ge=0)
    analyst_role: str | None = Field(default=None, pattern=r"^[a-z_][a-z0-9_]*$")


class WarehouseSettings(_Section):
    """Which engine holds the tables.

    Attributes:
        engine: `duckdb` keeps everything in one file below the state folder; `redshift` is Amazon Redshift.
        memory_limit: DuckDB's memory limit, as DuckDB writes it; on Redshift that of the loader, which judges rows in DuckDB.
        busy_timeout_seconds: How long to wait for DuckDB's one writer.
        redshift: How Redshift is used, where it is the engine.
    """

    engine: Literal["duckdb", "redshift"] = "duckdb"
    memory_limit: str = "4GB"
    busy_timeout_seconds: float = Field(default=120.0, ge=0)
    redshift: RedshiftSettings = RedshiftSettings()


class Trust(_Section):
    """When an experiment's numbers, or those of one of its segments, may not be read at all.

    Attributes:
        sample_ratio_alarm: The p-value below which the split counts as broken: of the sequential test while an experiment runs,
            and of the χ² test at its planned end.
        contamination_limit: Share of exposed units that may have met more than one variant.
        min_segment_units: Units that each variant must have in a segment before its effect is computed.
    """

    sample_ratio_alarm: float = Field(default=0.001, gt=0, lt=1)
    contamination_limit: float = Field(default=0.02, ge=0, le=1)
    min_segment_units: int = Field(default=100, ge=2)


class Publishing(_Section):
    """Where the results go.

    Attributes:
        slack_channel: Channel of the daily digest; used only when a Slack connection exists.
        report_url: Public address of the report pages, linked from the digest; none leaves the links out.
        language: Language of digest and report pages.
    """

    slack_channel: str = "#experiments"
    report_url: str | None = None
    language: Language = "en"


class Settings(BaseSettings):
    """All settings of one installation; relative paths are relative to `project_dir`."""

    model_config = SettingsConfigDict(env_prefix="SPLITMILE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    project_dir: Path = Path(__file__).resolve().parents[2]
    state_dir: Path = Path(".local")
    experiments_dir: Path = Path("experiments")
    metrics_dir: Path = Path("dbt_project/metrics")
    dbt_project_dir: Path = Path("dbt_project")
    business_day: BusinessDay = BusinessDay()
    feeds: Feeds = Feeds()
    warehouse: WarehouseSettings = WarehouseSettings()
    trust: Trust = Trust()
    publishing: Publishing = Publishing()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library's signature)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keywords win over the environment, the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())

    def path(self, relative: Path | str) -> Path:
        """A configured path, made absolute."""
        return (self.project_dir / relative).resolve()

    @property
    def state(self) -> Path:
        """The folder of everything that is made and can be thrown away."""
        return self.path(self.state_dir)

    @property
    def warehouse_file(self) -> Path:
        """DuckDB's file."""
        return self.state / "warehouse.duckdb"

    @property
    def report_dir(self) -> Path:
        """The report pages and the digest's preview."""
        return self.state / "reports"

    @property
    def data_docs_dir(self) -> Path:
        """Great Expectations' pages."""
        return self.state / "data_docs"

    @property
    def dbt_target_dir(self) -> Path:
        """dbt's manifest, run results and compiled SQL."""
        return self.state / "dbt"


def settings_file() -> Path:
    """The settings file: `SPLITMILE_CONFIG`, or `splitmile.toml` beside the plugins folder."""
    return Path(os.environ.get("SPLITMILE_CONFIG") or Path(__file__).resolve().parents[2] / "splitmile.toml")


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsInvalid: A key is unknown or a value cannot be used; every problem is named.
    """
    named = os.environ.get("SPLITMILE_CONFIG")
    if named and not Path(named).is_file():
        raise SettingsInvalid(f"SPLITMILE_CONFIG names {named}, which is no file; correct it, or unset it to use splitmile.toml.")
    known = {name.upper() for name in Settings.model_fields} | {"CONFIG", "DBT", "REVISION"}
    for variable in os.environ:
        key = variable.removeprefix("SPLITMILE_")
        if key != variable and key not in known and key.split("__")[0] not in known and key.split("_")[0] not in known:
            raise SettingsInvalid(f"the environment variable {variable} sets no key of the settings. docs/settings.md lists every key.")
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'settings'}: {p['msg']} (found {p['input']!r})" for p in error.errors())
        raise SettingsInvalid(f"{settings_file()} or a SPLITMILE_ variable: {problems}. docs/settings.md lists every key.") from error
    except ValueError as error:
        raise SettingsInvalid(f"{settings_file()} cannot be read: {error}. docs/settings.md shows a whole file.") from error
