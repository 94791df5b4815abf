{{ config(materialized='table_by_cutoff') }}
{% set prior_ratings = 10 %}  {# how many average ratings a user's mean is mixed with #}

with user_events as (
    select
        cutoff,
        user_id,
        as_of,
        count(*) as n_events,
        count(*) filter (where is_liked) as n_liked,
        count(*) filter (where is_disliked) as n_disliked,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at,
        {%- for days in [7, 30, 90] %}
        count(*) filter (where occurred_at >= as_of - interval {{ days }} day) as events_last_{{ days }}_days,
        {%- endfor %}
        count(distinct cast(occurred_at as date)) as active_days,
        count(value) filter (where event_type = 'rating') as n_ratings,
        coalesce({{ stable_sum("case when event_type = 'rating' then value end") }}, 0.0) as rating_sum,
        coalesce({{ stable_sum("case when event_type = 'rating' then value * value end") }}, 0.0) as rating_square_sum
    from {{ ref('int_history') }}
    where {{ is_made() }}
    group by cutoff, user_id, as_of
),

rating_means as (
    select
        cutoff,
        {{ stable_sum('rating_sum') }} / nullif(sum(n_ratings), 0) as rating_mean
    from user_events
    group by cutoff
),

user_items as (
    select
        user_items.cutoff,
        user_items.user_id,
        count(*) as n_items,
        {{ stable_sum('items.price') }} / nullif(count(items.price), 0) as price_mean,
        min(items.price) as price_min,
        max(items.price) as price_max,
        {{ stable_sum('items.popularity_percentile') }} / count(*) as mean_item_popularity
    from {{ ref('int_user_items') }} as user_items
    inner join {{ ref('item_features') }} as items
        on user_items.cutoff = items.cutoff and user_items.item_id = items.item_id
    where {{ is_made('user_items.cutoff') }}
    group by user_items.cutoff, user_items.user_id
),

user_categories as (
    select
        cutoff,
        user_id,
        count(*) as n_categories,
        {{ stable_sum('-share * ln(share)') }} as category_entropy
    from {{ ref('user_category_shares') }}
    where {{ is_made() }}
    group by cutoff, user_id
),

top_categories as (
    select
        cutoff,
        user_id,
        category,
        share
    from {{ ref('user_category_shares') }}
    where {{ is_made() }}
    qualify row_number() over (partition by cutoff, user_id order by share desc, category asc) = 1
),

user_creators as (
    select
        cutoff,
        user_id,
        count(*) as n_creators
    from {{ ref('user_creator_shares') }}
    where {{ is_made() }}
    group by cutoff, user_id
),

top_creators as (
    select
        cutoff,
        user_id,
        creator,
        share
    from {{ ref('user_creator_shares') }}
    where {{ is_made() }}
    qualify row_number() over (partition by cutoff, user_id order by share desc, creator asc) = 1
)

select
    user_events.cutoff,
    user_events.user_id,
    user_events.n_events,
    user_items.n_items,
    user_events.n_liked,
    user_events.n_disliked,
    cast(user_events.n_liked as double) / user_events.n_events as liked_share,
    cast({{ days_between('user_events.last_at', 'user_events.as_of') }} as double) as days_since_last_event,
    cast({{ days_between('user_events.first_at', 'user_events.as_of') }} as double) as days_since_first_event,
    user_events.events_last_7_days,
    user_events.events_last_30_days,
    user_events.events_last_90_days,
    user_events.active_days,
    cast(user_events.n_events as double) / user_events.active_days as events_per_active_day,
    cast(user_events.n_events - user_items.n_items as double) / user_events.n_events as repeat_share,
    coalesce(user_categories.n_categories, 0) as n_categories,
    user_categories.category_entropy,
    top_categories.category as top_category,
    top_categories.share as top_category_share,
    coalesce(user_creators.n_creators, 0) as n_creators,
    top_creators.creator as top_creator,
    top_creators.share as top_creator_share,
    (user_events.rating_sum + {{ prior_ratings }} * rating_means.rating_mean)
    / (user_events.n_ratings + {{ prior_ratings }}) as mean_rating_value,
    case
        when user_events.n_ratings > 1
            then sqrt(greatest(
                0.0,
                user_events.rating_square_sum / user_events.n_ratings
                - power(user_events.rating_sum / user_events.n_ratings, 2)
            ))
    end as rating_stddev,
    user_items.price_mean,
    user_items.price_min,
    user_items.price_max,
    user_items.mean_item_popularity,
    user_events.n_events < {{ var('split').min_history_events }} as is_new
from user_events
inner join user_items
    on user_events.cutoff = user_items.cutoff and user_events.user_id = user_items.user_id
inner join rating_means on user_events.cutoff = rating_means.cutoff
left join user_categories
    on user_events.cutoff = user_categories.cutoff and user_events.user_id = user_categories.user_id
left join top_categories
    on user_events.cutoff = top_categories.cutoff and user_events.user_id = top_categories.user_id
left join user_creators
    on user_events.cutoff = user_creators.cutoff and user_events.user_id = user_creators.user_id
left join top_creators
    on user_events.cutoff = top_creators.cutoff and user_events.user_id = top_creators.user_id
