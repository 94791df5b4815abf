with configured as (
    {%- for event_type, settings in var('event_types').items() %}
    select
        '{{ event_type | replace("'", "''") }}' as event_type,
        cast({{ settings.relevance_label }} as integer) as relevance_label,
        cast({{ settings.weight }} as double) as weight,
        {{ settings.consumes | lower }} as is_consuming,
        {{ settings.repeatable | lower }} as is_repeatable,
        cast({{ "'" ~ settings.cancels | replace("'", "''") ~ "'" if settings.cancels else 'null' }} as string)
            as cancels_event_type
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

seen as (
    select distinct event_type from {{ ref('stg_raw__events') }}
),

unknown as (
    select
        seen.event_type,
        defaults.relevance_label,
        defaults.weight,
        defaults.is_consuming,
        defaults.is_repeatable,
        defaults.cancels_event_type
    from seen
    cross join configured as defaults
    left join configured on seen.event_type = configured.event_type
    where defaults.event_type = 'default' and configured.event_type is null
)

select * from configured
union all
select * from unknown
