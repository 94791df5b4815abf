{{ config(materialized='table_by_cutoff') }}
{% set half_life_shares = var('candidates').popular.half_life_shares %}
{% set prior_events = 10 %}         {# how many average events a mean or share of few is mixed with #}
{% set prior_decayed_events = 5 %}  {# the same for the trend, in fast-decayed events #}

with history as (
    select
        history.*,
        cutoffs.as_of as cutoff_as_of,
        event_types.relevance_label as event_type_label,
        count(*) over (partition by history.cutoff) as cutoff_n_events
    from {{ ref('int_history') }} as history
    inner join {{ ref('int_cutoffs') }} as cutoffs on history.cutoff = cutoffs.cutoff
    inner join {{ ref('int_event_types') }} as event_types on history.event_type = event_types.event_type
    where {{ is_made('history.cutoff') }}
),

item_events as (
    select
        cutoff,
        item_id,
        cutoff_as_of,
        count(*) as n_events,
        {%- for variant, share in half_life_shares.items() %}
        {{ stable_sum('power(0.5, event_age / (' ~ share ~ ' * cutoff_n_events))') }} as decayed_events_{{ variant }},
        {%- endfor %}
        {%- for days in [7, 30, 90] %}
        count(*) filter (where occurred_at >= cutoff_as_of - interval {{ days }} day) as events_last_{{ days }}_days,
        {%- endfor %}
        count(*) filter (where is_liked) as n_liked,
        count(*) filter (where is_disliked) as n_disliked,
        count(*) filter (where is_cancelled) as n_cancelled,
        count(value) filter (where event_type = 'rating') as n_ratings,
        coalesce({{ stable_sum("case when event_type = 'rating' then value end") }}, 0.0) as rating_sum,
        min(event_type_label) as lowest_label,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from history
    group by cutoff, item_id, cutoff_as_of
),

cutoff_totals as (
    select
        cutoff,
        {%- for variant in half_life_shares %}
        {{ stable_sum('decayed_events_' ~ variant) }} as decayed_events_{{ variant }},
        {%- endfor %}
        cast(sum(n_liked) as double) / sum(n_events) as liked_share,
        cast(sum(n_disliked) as double) / sum(n_events) as disliked_share,
        {{ stable_sum('rating_sum') }} / nullif(sum(n_ratings), 0) as rating_mean
    from item_events
    group by cutoff
),

user_varieties as (
    select
        cutoff,
        user_id,
        count(*) as n_categories
    from {{ ref('user_category_shares') }}
    where {{ is_made() }}
    group by cutoff, user_id
),

item_users as (
    select
        user_items.cutoff,
        user_items.item_id,
        count(*) as n_users,
        count(*) filter (where user_items.max_relevance_label > item_events.lowest_label) as n_converted,
        {{ stable_sum('ln(user_cutoffs.n_history_events)') }} / count(*) as mean_user_activity,
        cast(sum(coalesce(user_varieties.n_categories, 0)) as double) / count(*) as buyers_variety
    from {{ ref('int_user_items') }} as user_items
    inner join item_events
        on user_items.cutoff = item_events.cutoff and user_items.item_id = item_events.item_id
    inner join {{ ref('int_user_cutoffs') }} as user_cutoffs
        on user_items.cutoff = user_cutoffs.cutoff and user_items.user_id = user_cutoffs.user_id
    left join user_varieties
        on user_items.cutoff = user_varieties.cutoff and user_items.user_id = user_varieties.user_id
    group by user_items.cutoff, user_items.item_id
),

joined as (
    select
        item_events.*,
        item_users.n_users,
        item_users.n_converted,
        item_users.mean_user_activity,
        item_users.buyers_variety,
        cutoff_totals.liked_share as cutoff_liked_share,
        cutoff_totals.disliked_share as cutoff_disliked_share,
        cutoff_totals.rating_mean as cutoff_rating_mean,
        item_events.decayed_events_slow / cutoff_totals.decayed_events_slow
        * cutoff_totals.decayed_events_fast as expected_events_fast,
        items.released_at,
        items.price,
        coalesce({{ list_length('items.categories') }}, 0) as n_categories,
        coalesce({{ list_length('items.creators') }}, 0) as n_creators
    from item_events
    inner join item_users
        on item_events.cutoff = item_users.cutoff and item_events.item_id = item_users.item_id
    inner join cutoff_totals on item_events.cutoff = cutoff_totals.cutoff
    left join {{ ref('stg_raw__items') }} as items on item_events.item_id = items.item_id
)

select
    cutoff,
    item_id,
    n_events,
    n_users,
    decayed_events_slow,
    decayed_events_fast,
    events_last_7_days,
    events_last_30_days,
    events_last_90_days,
    (decayed_events_fast + {{ prior_decayed_events }})
    / (expected_events_fast + {{ prior_decayed_events }}) as trend_ratio,
    percent_rank() over (partition by cutoff order by n_users) as popularity_percentile,
    (n_liked + {{ prior_events }} * cutoff_liked_share) / (n_events + {{ prior_events }}) as liked_share,
    (n_disliked + {{ prior_events }} * cutoff_disliked_share) / (n_events + {{ prior_events }}) as disliked_share,
    (rating_sum + {{ prior_events }} * cutoff_rating_mean) / (n_ratings + {{ prior_events }}) as rating_mean,
    cast(n_converted as double) / n_users as conversion,
    cast(n_cancelled as double) / n_events as return_share,
    cast({{ days_between('first_at', 'cutoff_as_of') }} as double) as days_since_first_event,
    cast({{ days_between('last_at', 'cutoff_as_of') }} as double) as days_since_last_event,
    cast(case
        when released_at <= cutoff_as_of then {{ days_between('released_at', 'cutoff_as_of') }}
    end as double) as days_since_release,
    price,
    case
        when price is not null
            then percent_rank() over (partition by cutoff, price is null order by price)
    end as price_percentile,
    mean_user_activity,
    buyers_variety,
    n_categories,
    n_creators,
    cast(n_events - n_users as double) / n_events as repeat_share
from joined
