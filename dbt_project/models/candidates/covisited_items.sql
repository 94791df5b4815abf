-- depends_on: {{ ref('int_cutoffs') }}
{{ config(materialized='table_by_cutoff') }}
{% set covisited = var('candidates').covisited %}
{# What users met before an item is a weaker suggestion than what they met after it. #}
{% set backward_weight = 0.7 %}

with history as (
    select
        user_id,
        item_id,
        event_number,
        weight,
        occurred_at
    from {{ ref('int_history') }}
    where cutoff = '{{ current_cutoff() }}' and weight > 0
),

users as (
    select
        user_id,
        n_history_events
    from {{ ref('int_user_cutoffs') }}
    where cutoff = '{{ current_cutoff() }}'
),

user_items as (
    select item_id
    from {{ ref('int_user_items') }}
    where cutoff = '{{ current_cutoff() }}'
),

-- Numbers instead of ids: the pairs are by far the most rows here, and group and sort faster so.
items as (
    select
        item_id,
        cast(row_number() over (order by item_id) as integer) as item_number,
        count(*) as n_users
    from user_items
    group by item_id
),

events as (
    select
        history.user_id,
        history.event_number,
        items.item_number,
        history.occurred_at,
        history.weight,
        ln(2 + users.n_history_events) as user_share
    from history
    inner join users on history.user_id = users.user_id
    inner join items on history.item_id = items.item_id
),

-- Each event once per place of the window after it: an equality join, where a range join compares all pairs of a user.
distances as (
    {%- for distance in range(1, covisited.window_events + 1) %}
    select {{ distance }} as distance
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

earlier as (
    select
        events.*,
        events.event_number + distances.distance as later_event_number
    from events
    cross join distances
),

pairs as (
    select
        least(earlier.item_number, later.item_number) as low_item,
        greatest(earlier.item_number, later.item_number) as high_item,
        earlier.item_number < later.item_number as is_low_first,
        earlier.weight * later.weight / later.user_share
        * power(0.5, {{ days_between('earlier.occurred_at', 'later.occurred_at') }} / {{ covisited.half_life_days }})
            as weight
    from events as later
    inner join earlier
        on later.user_id = earlier.user_id and later.event_number = earlier.later_event_number
    where earlier.item_number <> later.item_number
),

pair_sums as (
    select
        low_item,
        high_item,
        coalesce({{ stable_sum('case when is_low_first then weight end') }}, 0.0) as low_first_weight,
        coalesce({{ stable_sum('case when not is_low_first then weight end') }}, 0.0) as high_first_weight
    from pairs
    group by low_item, high_item
),

normalised as (
    select
        pair_sums.low_item,
        pair_sums.high_item,
        pair_sums.low_first_weight / sqrt(low_items.n_users * high_items.n_users) as low_first_score,
        pair_sums.high_first_weight / sqrt(low_items.n_users * high_items.n_users) as high_first_score
    from pair_sums
    inner join items as low_items on pair_sums.low_item = low_items.item_number
    inner join items as high_items on pair_sums.high_item = high_items.item_number
),

directed as (
    select
        low_item as item_number,
        high_item as neighbour_number,
        low_first_score + {{ backward_weight }} * high_first_score as score
    from normalised
    union all
    select
        high_item as item_number,
        low_item as neighbour_number,
        high_first_score + {{ backward_weight }} * low_first_score as score
    from normalised
),

-- Numbers are in the order of ids, so ties are broken by id.
ranked as (
    select
        item_number,
        neighbour_number,
        score,
        cast(row_number() over (
            partition by item_number
            order by score desc, neighbour_number asc
        ) as integer) as rank
    from directed
    qualify rank <= {{ covisited.neighbours }}
)

select
    '{{ current_cutoff() }}' as cutoff,
    items.item_id,
    neighbours.item_id as neighbour_item_id,
    ranked.score,
    ranked.rank
from ranked
inner join items on ranked.item_number = items.item_number
inner join items as neighbours on ranked.neighbour_number = neighbours.item_number
