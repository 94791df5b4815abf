{{ config(materialized='table_by_cutoff') }}
{% set split = var('split') %}
{% set min_history_events = split.min_history_events %}

with interactions as (
    select * from {{ ref('int_interactions') }}
),

planned as (
    select
        'live' as cutoff,
        'live' as role,
        0 as horizons_back
    union all
    select
        'test' as cutoff,
        'test' as role,
        1 as horizons_back
    union all
    select
        'validation' as cutoff,
        'validation' as role,
        2 as horizons_back
    {%- for number in range(split.training_cutoffs, 0, -1) %}
    union all
    select
        'train_{{ number }}' as cutoff,
        'training' as role,
        {{ split.training_cutoffs - number + 3 }} as horizons_back
    {%- endfor %}
),

all_events as (
    select
        count(*) as n_events,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from interactions
),

-- Each horizon holds the same share of the events, not of the time: a shop grows, and its last tenth of days may hold
-- half of its events. Where instants coincide the later role stays, and one with nothing before it is dropped.
positions as (
    select
        planned.horizons_back,
        all_events.first_at,
        cast(floor((1 - planned.horizons_back * {{ split.horizon_share }}) * all_events.n_events) as bigint) + 1
            as event_rank
    from planned
    cross join all_events
    where planned.horizons_back > 0
),

temporal_instants as (
    select
        positions.horizons_back,
        interactions.occurred_at as visible_until
    from positions
    inner join interactions on positions.event_rank = interactions.event_rank
    where interactions.occurred_at > positions.first_at
    qualify row_number() over (partition by interactions.occurred_at order by positions.horizons_back) = 1
),

-- How long each horizon lasts. A last one that lasts far longer than the same number of events ever took before means
-- that the record fades out: users left at times of their own, or their last events were held out.
ended as (
    select
        temporal_instants.horizons_back,
        temporal_instants.visible_until,
        coalesce(
            lead(temporal_instants.visible_until) over (order by temporal_instants.horizons_back desc),
            all_events.last_at
        ) as ended_at
    from temporal_instants
    cross join all_events
),

durations as (
    select
        horizons_back,
        {{ days_between('visible_until', 'ended_at') }} as days
    from ended
),

fading as (
    select
        coalesce(
            max(days) filter (where horizons_back = 1) / nullif(max(days) filter (where horizons_back > 1), 0), 0.0
        ) as times_longer
    from durations
),

-- What a temporal test cutoff would have to evaluate on, for `auto`; the rules for labels are those of int_labels.
test_instant as (
    select visible_until
    from temporal_instants
    where horizons_back = 1
),

sided as (
    select
        interactions.*,
        coalesce(interactions.occurred_at < test_instant.visible_until, false) as is_before_test,
        coalesce(interactions.occurred_at >= test_instant.visible_until, false) as is_after_test
    from interactions
    left join test_instant on true
),

users as (
    select
        user_id,
        count(*) as n_events,
        count(*) filter (where is_before_test) as n_history_events
    from sided
    group by user_id
),

known_items as (
    select distinct item_id
    from sided
    where is_before_test
),

consumed_items as (
    select distinct
        user_id,
        item_id
    from sided
    where is_before_test and is_consuming and not is_repeatable
),

labelled_users as (
    select distinct sided.user_id
    from sided
    inner join known_items on sided.item_id = known_items.item_id
    left join consumed_items on sided.user_id = consumed_items.user_id and sided.item_id = consumed_items.item_id
    where
        sided.is_after_test
        and sided.relevance_label > 0
        and sided.cancelled_at is null
        and consumed_items.item_id is null
),

user_counts as (
    select
        count(*) filter (where users.n_events >= {{ min_history_events }}) as n_users,
        count(*) filter (
            where users.n_history_events >= {{ min_history_events }} and labelled_users.user_id is not null
        ) as n_target_users
    from users
    left join labelled_users on users.user_id = labelled_users.user_id
),

needed as (
    select
        n_target_users,
        greatest(
            1,
            cast(ceil(least({{ split.auto_min_target_users }}, {{ split.auto_min_target_share }} * n_users)) as bigint)
        ) as n_needed
    from user_counts
),

chosen as (
    select
        case
            when '{{ split.kind }}' <> 'auto' then '{{ split.kind }}'
            when needed.n_target_users < needed.n_needed then 'leave_last'
            when fading.times_longer > {{ split.auto_max_fading }} then 'leave_last'
            else 'temporal'
        end as split,
        concat(
            '{{ split.kind }}: a temporal test cutoff leaves ', needed.n_target_users,
            ' users with enough history and labels, and auto needs ', needed.n_needed,
            '; that horizon lasts ', round(fading.times_longer, 1),
            ' times as long as the longest before it, and auto takes up to {{ split.auto_max_fading }}.'
        ) as split_reason
    from needed
    cross join fading
),

cutoffs as (
    select
        planned.cutoff,
        planned.role,
        planned.horizons_back,
        chosen.split,
        chosen.split_reason,
        case when chosen.split = 'temporal' then temporal_instants.visible_until end as visible_until,
        all_events.last_at
    from planned
    cross join chosen
    cross join all_events
    left join temporal_instants on planned.horizons_back = temporal_instants.horizons_back
    where
        all_events.n_events > 0
        and (
            planned.role = 'live'
            or chosen.split = 'leave_last'
            or temporal_instants.visible_until is not null
        )
)

{# The plan is made by a build. A refresh keeps it, and moves `live` on to the last event. #}
{% if is_refresh() %}
select
    planned_before.cutoff,
    planned_before.role,
    planned_before.split,
    planned_before.split_reason,
    planned_before.cutoff_number,
    planned_before.visible_until,
    planned_before.labels_until,
    all_events.last_at as as_of
from {{ this }} as planned_before
cross join all_events
where planned_before.cutoff = 'live'
{% else %}
select
    cutoff,
    role,
    split,
    split_reason,
    row_number() over (order by horizons_back desc) as cutoff_number,
    visible_until,
    lag(visible_until) over (order by horizons_back) as labels_until,
    coalesce(visible_until, last_at) as as_of
from cutoffs
{% endif %}
