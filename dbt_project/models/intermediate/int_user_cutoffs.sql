{{ config(materialized='table_by_cutoff') }}
{% set split = var('split') %}
{% set cutoffs_newest_first = ['live', 'test', 'validation'] %}
{% for number in range(split.training_cutoffs, 0, -1) %}
{% do cutoffs_newest_first.append('train_' ~ number) %}
{% endfor %}

with cutoffs as (
    select * from {{ ref('int_cutoffs') }}
),

numbered as (
    select
        user_id,
        occurred_at,
        event_number,
        rank() over (partition by user_id order by occurred_at) - 1 as n_earlier_events
    from {{ ref('int_interactions') }}
),

temporal as (
    select
        cutoffs.cutoff,
        numbered.user_id,
        count(*) as n_history_events,
        cutoffs.visible_until,
        cutoffs.labels_until,
        cutoffs.as_of
    from cutoffs
    inner join numbered on cutoffs.visible_until is null or cutoffs.visible_until > numbered.occurred_at
    where cutoffs.split = 'temporal'
    group by cutoffs.cutoff, numbered.user_id, cutoffs.visible_until, cutoffs.labels_until, cutoffs.as_of
),

-- Each level holds out the last share of what the level after it left visible. Events at the very time of the first
-- held-out one are held out with it, and a user whose events all happened at once keeps them.
live as (
    select
        user_id,
        count(*) as n_history_events,
        cast(null as timestamp) as visible_until,
        cast(null as timestamp) as labels_until
    from numbered
    group by user_id
),
{% for later, cutoff in zip(cutoffs_newest_first, cutoffs_newest_first[1:]) %}
{{ cutoff }} as (
    select
        later.user_id,
        coalesce(held_out.n_earlier_events, later.n_history_events) as n_history_events,
        coalesce(held_out.occurred_at, later.visible_until) as visible_until,
        later.visible_until as labels_until
    from {{ later }} as later
    left join numbered as held_out
        on
            later.user_id = held_out.user_id
            and later.n_history_events
            - cast(floor({{ split.leave_last_share }} * later.n_history_events) as bigint) + 1 = held_out.event_number
            and later.n_history_events >= {{ split.min_history_events }}
            and held_out.n_earlier_events > 0
),
{% endfor %}
levels as (
    {%- for cutoff in cutoffs_newest_first %}
    select
        '{{ cutoff }}' as cutoff,
        *
    from {{ cutoff }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

leave_last as (
    select
        levels.cutoff,
        levels.user_id,
        levels.n_history_events,
        levels.visible_until,
        levels.labels_until,
        last_events.occurred_at as as_of
    from levels
    inner join cutoffs on levels.cutoff = cutoffs.cutoff and cutoffs.split = 'leave_last'
    inner join numbered as last_events
        on levels.user_id = last_events.user_id and levels.n_history_events = last_events.event_number
),

either as (
    select * from temporal
    union all
    select * from leave_last
)

select
    *,
    n_history_events >= {{ split.min_history_events }} as is_target
from either
where {{ is_made() }}
