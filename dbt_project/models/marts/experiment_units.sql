{#- Redshift: by unit, as unit_days is, so the two are joined where they lie; a run reads the units of the experiments under way. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_units',
        on_schema_change='fail',
        dist='unit_id',
        sort='assigned_at',
    )
}}
{%- set measures = registered_measures() %}
{%- set covariates = covariate_windows(registered_metrics()) %}
{%- set known_contaminated_at = "case when contaminated_at < " ~ instant_of('refreeze_start') ~ " then contaminated_at end" %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

experiments as (
    select * from {{ ref('stg_experiments') }}
    where
        not is_switchback
        {%- if is_incremental() %}
        -- Nothing that happens after its end changes an experiment's units.
        and end_date >= {{ date_of('refreeze_from') }}
        {%- endif %}
),

variants as (
    select * from {{ ref('stg_variants') }}
),

listed_units as (
    select * from {{ ref('stg_listed_units') }}
),

restricted_experiments as (
    select distinct experiment_id from listed_units
    where is_allowed
),

exposures as (
    select * from {{ ref('stg_exposures') }}
    where
        {{ is_between_instants('exposed_at', 'refreeze_start', 'built_end') }}
        and business_date <= {{ date_of('built_to') }}
),

deliveries as (
    select * from {{ ref('int_deliveries_timed') }}
    where
        {{ is_between_instants('ordered_at', 'refreeze_start', 'built_end') }}
        and business_date <= {{ date_of('built_to') }}
),

unit_totals as (
    select * from {{ ref('unit_totals') }}
    where business_date = {{ date_of('built_to') }}
),

valid_exposures as (
    select
        exposures.experiment_id,
        exposures.unit_type,
        exposures.unit_id,
        exposures.variant,
        exposures.exposed_at,
        exposures.exposure_id,
        exposures.business_date,
        exposures.attributes
    from exposures
    inner join experiments
        on
            exposures.experiment_id = experiments.experiment_id
            and exposures.unit_type = experiments.unit_type
            and exposures.business_date between experiments.start_date and experiments.end_date
    inner join variants
        on
            exposures.experiment_id = variants.experiment_id
            and exposures.variant = variants.variant
),

{% if is_incremental() %}
-- Units that were assigned before the days that are made again stay as they are, but for what those days may change.
known as (
    select
        experiment_id,
        unit_id,
        variant,
        {{ known_contaminated_at }} as contaminated_at
    from {{ this }}
    where {{ is_between_instants('assigned_at', 'running_start', 'refreeze_start') }}
),
{% endif %}

-- Every exposure of the days that are made again, with what is known of its unit.
seen as (
    select
        valid_exposures.experiment_id,
        valid_exposures.unit_type,
        valid_exposures.unit_id,
        valid_exposures.variant,
        valid_exposures.exposed_at,
        valid_exposures.exposure_id,
        valid_exposures.attributes,
        {%- if is_incremental() %}
        known.variant as known_variant,
        known.contaminated_at as known_contaminated_at
    from valid_exposures
    left join known
        on
            valid_exposures.experiment_id = known.experiment_id
            and valid_exposures.unit_id = known.unit_id
        {%- else %}
        cast(null as varchar(128)) as known_variant
    from valid_exposures
        {%- endif %}
),

numbered_exposures as (
    select
        *,
        row_number() over (
            partition by experiment_id, unit_id
            order by exposed_at, exposure_id
        ) as exposure_number
    from seen
    where known_variant is null
),

first_exposures as (
    select * from numbered_exposures
    where exposure_number = 1
),

contaminations as (
    select
        first_exposures.experiment_id,
        first_exposures.unit_id,
        min(seen.exposed_at) as contaminated_at
    from first_exposures
    inner join seen
        on
            first_exposures.experiment_id = seen.experiment_id
            and first_exposures.unit_id = seen.unit_id
            and first_exposures.variant <> seen.variant
    where seen.known_variant is null
    group by first_exposures.experiment_id, first_exposures.unit_id
    {% if is_incremental() %}
    union all
    select
        experiment_id,
        unit_id,
        min(exposed_at) as contaminated_at
    from seen
    where known_variant <> variant and known_contaminated_at is null
    group by experiment_id, unit_id
    {% endif %}
),

-- Units that may start to count in the days that are made again, with the segments that their exposure says.
candidates as (
    select
        first_exposures.experiment_id,
        first_exposures.unit_type,
        first_exposures.unit_id,
        first_exposures.variant,
        first_exposures.exposed_at as assigned_at,
        {% for position in (1, 2, 3) %}
        {%- set segment = 'experiments.segment_' ~ position %}
        case
            when {{ segment }} <> 'tenure'
                then {{ segment }} || '=' || coalesce(left({{ json_text('first_exposures.attributes', segment) }}, 20), 'unknown')
        end as segment_{{ position }},
        {% endfor %}
        cast(null as timestamp) as contaminated_at
    from first_exposures
    inner join experiments
        on first_exposures.experiment_id = experiments.experiment_id
    {% if is_incremental() %}
    union all
    select
        units.experiment_id,
        units.unit_type,
        units.unit_id,
        units.variant,
        units.assigned_at,
        units.segment_1,
        units.segment_2,
        units.segment_3,
        {{ known_contaminated_at }} as contaminated_at
    from {{ this }} as units
    inner join experiments
        on
            units.experiment_id = experiments.experiment_id
            and experiments.activation is not null
    where
        {{ is_between_instants('units.assigned_at', 'running_start', 'refreeze_start') }}
        and (units.exposure_date is null or units.exposure_date >= {{ date_of('refreeze_from') }})
    {% endif %}
),

-- With an activation rule a unit counts from its first delivery on that has the measure, not from its exposure.
activations as (
    {% for unit_type, unit_column in unit_columns().items() %}
    select
        candidates.experiment_id,
        candidates.unit_id,
        min(deliveries.ordered_at) as activated_at
    from candidates
    inner join experiments
        on
            candidates.experiment_id = experiments.experiment_id
            and experiments.activation is not null
    inner join deliveries
        on
            candidates.unit_id = deliveries.{{ unit_column }}
            and candidates.assigned_at <= deliveries.ordered_at
            and deliveries.business_date <= experiments.end_date
    where
        experiments.unit_type = '{{ unit_type }}'
        and case experiments.activation
            {% for measure in measures %}
            when '{{ measure.name }}' then {{ measure.expression }}
            {% endfor %}
            else 0
        end > 0
    group by candidates.experiment_id, candidates.unit_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

starting as (
    select
        candidates.experiment_id,
        candidates.unit_type,
        candidates.unit_id,
        candidates.variant,
        candidates.assigned_at,
        candidates.segment_1,
        candidates.segment_2,
        candidates.segment_3,
        candidates.contaminated_at,
        case when experiments.activation is null then candidates.assigned_at else activations.activated_at end as first_exposed_at
    from candidates
    inner join experiments
        on candidates.experiment_id = experiments.experiment_id
    left join activations
        on
            candidates.experiment_id = activations.experiment_id
            and candidates.unit_id = activations.unit_id
),

exposed as (
    select
        *,
        {{ business_date('first_exposed_at') }} as exposure_date
    from starting
),

-- Experiments that meet a unit at the same time freeze the same sums of it, which are made once.
exposure_instants as (
    select distinct
        unit_type,
        unit_id,
        first_exposed_at,
        exposure_date
    from exposed
    where first_exposed_at is not null
),

exposure_dates as (
    select distinct
        unit_type,
        unit_id,
        exposure_date
    from exposure_instants
),

-- The exposure day itself counts from the instant of exposure on, so it comes from its events.
exposure_day as (
    {% for unit_type, unit_column in unit_columns().items() %}
    select
        exposure_instants.unit_type,
        exposure_instants.unit_id,
        exposure_instants.first_exposed_at,
        {% for measure in measures %}
        cast(coalesce(sum(cast({{ measure.expression }} as bigint)), 0) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from exposure_instants
    inner join deliveries
        on
            exposure_instants.unit_id = deliveries.{{ unit_column }}
            and exposure_instants.exposure_date = deliveries.business_date
            and exposure_instants.first_exposed_at <= deliveries.ordered_at
    where exposure_instants.unit_type = '{{ unit_type }}'
    group by exposure_instants.unit_type, exposure_instants.unit_id, exposure_instants.first_exposed_at
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

later_days as (
    select
        exposure_dates.unit_type,
        exposure_dates.unit_id,
        exposure_dates.exposure_date,
        {% for measure in measures %}
        cast(sum(unit_days.{{ measure.name }}) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from exposure_dates
    inner join {{ ref('unit_days') }} as unit_days
        on
            exposure_dates.unit_type = unit_days.unit_type
            and exposure_dates.unit_id = unit_days.unit_id
            and exposure_dates.exposure_date < unit_days.business_date
    where unit_days.business_date > {{ date_of('refreeze_from') }} and unit_days.business_date <= {{ date_of('built_to') }}
    group by exposure_dates.unit_type, exposure_dates.unit_id, exposure_dates.exposure_date
),

{% if covariates %}
-- What a unit did before the day of its exposure cannot be an effect of it. A unit that did nothing in the window has no row or
-- present 0; it then takes the mean of the others in the statistics.
before_exposure as (
    select
        exposure_dates.unit_type,
        exposure_dates.unit_id,
        exposure_dates.exposure_date,
        {% for days, window_measures in covariates.items() %}
        {%- set is_in_window %}
            unit_days.business_date >= cast({{ dbt.dateadd('day', -days, 'exposure_dates.exposure_date') }} as date)
        {%- endset %}
        max(case when {{ is_in_window }} then 1 else 0 end) as x{{ days }}_present,
        {% for measure in window_measures %}
        cast(sum(case when {{ is_in_window }} then unit_days.{{ measure }} else 0 end) as bigint) as x{{ days }}_{{ measure }}
        {{- ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from exposure_dates
    inner join {{ ref('unit_days') }} as unit_days
        on
            exposure_dates.unit_type = unit_days.unit_type
            and exposure_dates.unit_id = unit_days.unit_id
            and exposure_dates.exposure_date > unit_days.business_date
            and unit_days.business_date >= cast({{ dbt.dateadd('day', -(covariates | max), 'exposure_dates.exposure_date') }} as date)
    where
        unit_days.business_date >= cast({{ dbt.dateadd('day', -(covariates | max), date_of('refreeze_from')) }} as date)
        and unit_days.business_date < {{ date_of('built_to') }}
    group by exposure_dates.unit_type, exposure_dates.unit_id, exposure_dates.exposure_date
),
{% endif %}

frozen as (
    select
        exposed.experiment_id,
        exposed.unit_type,
        exposed.unit_id,
        exposed.variant,
        exposed.assigned_at,
        exposed.first_exposed_at,
        exposed.exposure_date,
        {% for position in (1, 2, 3) %}
        {%- set segment = 'experiments.segment_' ~ position %}
        case
            when {{ segment }} is null then null
            when {{ segment }} = 'tenure'
                then
                    case
                        when exposed.exposure_date is null then 'tenure=unknown'
                        when unit_totals.first_date is null or unit_totals.first_date >= exposed.exposure_date then 'tenure=new'
                        when unit_totals.first_date > cast({{ dbt.dateadd('day', -28, 'exposed.exposure_date') }} as date)
                            then 'tenure=under 28 days'
                        else 'tenure=28 days or more'
                    end
            else exposed.segment_{{ position }}
        end as segment_{{ position }},
        {% endfor %}
        case
            when denied.unit_id is not null then true
            else restricted_experiments.experiment_id is not null and allowed.unit_id is null
        end as is_excluded,
        {% for measure in measures %}
        coalesce(unit_totals.{{ measure.name }}, 0)
        - coalesce(exposure_day.{{ measure.name }}, 0)
        - coalesce(later_days.{{ measure.name }}, 0) as base_{{ measure.name }},
        {% endfor %}
        {% for days, window_measures in covariates.items() %}
        coalesce(before_exposure.x{{ days }}_present, 0) as x{{ days }}_present,
        {% for measure in window_measures %}
        coalesce(before_exposure.x{{ days }}_{{ measure }}, 0) as x{{ days }}_{{ measure }},
        {% endfor %}
        {% endfor %}
        coalesce(exposed.contaminated_at, contaminations.contaminated_at) as contaminated_at
    from exposed
    inner join experiments
        on exposed.experiment_id = experiments.experiment_id
    left join contaminations
        on
            exposed.experiment_id = contaminations.experiment_id
            and exposed.unit_id = contaminations.unit_id
    left join restricted_experiments
        on exposed.experiment_id = restricted_experiments.experiment_id
    left join listed_units as allowed
        on
            exposed.experiment_id = allowed.experiment_id
            and exposed.unit_id = allowed.unit_id
            and allowed.is_allowed
    left join listed_units as denied
        on
            exposed.experiment_id = denied.experiment_id
            and exposed.unit_id = denied.unit_id
            and not denied.is_allowed
    left join unit_totals
        on
            exposed.unit_type = unit_totals.unit_type
            and exposed.unit_id = unit_totals.unit_id
    left join exposure_day
        on
            exposed.unit_type = exposure_day.unit_type
            and exposed.unit_id = exposure_day.unit_id
            and exposed.first_exposed_at = exposure_day.first_exposed_at
    left join later_days
        on
            exposed.unit_type = later_days.unit_type
            and exposed.unit_id = later_days.unit_id
            and exposed.exposure_date = later_days.exposure_date
    {% if covariates %}
    left join before_exposure
        on
            exposed.unit_type = before_exposure.unit_type
            and exposed.unit_id = before_exposure.unit_id
            and exposed.exposure_date = before_exposure.exposure_date
    {% endif %}
),

{%- set kept = [] %}
{%- for measure in measures %}{% do kept.append('base_' ~ measure.name) %}{% endfor %}
{%- for days, window_measures in covariates.items() %}
{%- do kept.append('x' ~ days ~ '_present') %}
{%- for measure in window_measures %}{% do kept.append('x' ~ days ~ '_' ~ measure) %}{% endfor %}
{%- endfor %}

{% if is_incremental() %}
-- Units that are contaminated now, or were so in the days that are made again.
maybe_changed as (
    select
        experiment_id,
        unit_id
    from contaminations
    union
    select
        units.experiment_id,
        units.unit_id
    from {{ this }} as units
    inner join experiments
        on units.experiment_id = experiments.experiment_id
    where
        {{ is_between_instants('units.assigned_at', 'running_start', 'refreeze_start') }}
        and units.contaminated_at >= {{ instant_of('refreeze_start') }}
),

-- Units that keep all but the instant of their contamination.
changed as (
    select
        maybe_changed.experiment_id,
        maybe_changed.unit_id,
        contaminations.contaminated_at
    from maybe_changed
    left join contaminations
        on
            maybe_changed.experiment_id = contaminations.experiment_id
            and maybe_changed.unit_id = contaminations.unit_id
    left join candidates
        on
            maybe_changed.experiment_id = candidates.experiment_id
            and maybe_changed.unit_id = candidates.unit_id
    where candidates.unit_id is null
),
{% endif %}

made as (
    select * from frozen
    {% if is_incremental() %}
    union all
    select
        units.experiment_id,
        units.unit_type,
        units.unit_id,
        units.variant,
        units.assigned_at,
        units.first_exposed_at,
        units.exposure_date,
        units.segment_1,
        units.segment_2,
        units.segment_3,
        units.is_excluded,
        {% for column in kept %}
        units.{{ column }},
        {% endfor %}
        changed.contaminated_at
    from {{ this }} as units
    inner join changed
        on
            units.experiment_id = changed.experiment_id
            and units.unit_id = changed.unit_id
            and {{ is_since_running_start('units.assigned_at') }}
    {% endif %}
),

final as (
    select
        cast(experiment_id as varchar(128)) as experiment_id,
        cast(unit_type as varchar(32)) as unit_type,
        cast(unit_id as varchar(128)) as unit_id,
        cast(variant as varchar(128)) as variant,
        assigned_at,
        first_exposed_at,
        exposure_date,
        contaminated_at,
        {{ business_date('contaminated_at') }} as contamination_date,
        cast(segment_1 as varchar(128)) as segment_1,
        cast(segment_2 as varchar(128)) as segment_2,
        cast(segment_3 as varchar(128)) as segment_3,
        is_excluded,
        {% for column in kept %}
        cast({{ column }} as bigint) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from made
)

select * from final
