-- depends_on: {{ ref('int_cutoffs') }}
{{ config(materialized='table_by_cutoff', tags=['after_candidates']) }}

with candidates as (
    select
        user_id,
        item_id
    from {{ source('candidates', 'merged') }}
    where cutoff = '{{ current_cutoff() }}'
),

-- DuckDB joins what it has materialized 2.5 times more slowly here: the filters come too late.
user_items as {{ not_materialized() }} (
    select
        user_id,
        item_id,
        n_events,
        is_liked,
        last_at,
        row_number() over (partition by user_id order by last_recency_rank) as recency_rank
    from {{ ref('int_user_items') }}
    where cutoff = '{{ current_cutoff() }}'
),

users as (
    select
        user_cutoffs.user_id,
        user_cutoffs.as_of,
        user_features.price_mean
    from {{ ref('int_user_cutoffs') }} as user_cutoffs
    inner join {{ ref('user_features') }} as user_features
        on user_cutoffs.cutoff = user_features.cutoff and user_cutoffs.user_id = user_features.user_id
    where user_cutoffs.cutoff = '{{ current_cutoff() }}'
),

items as (
    select
        item_id,
        price,
        categories,
        creators
    from {{ ref('stg_raw__items') }}
),
{% for one, many in [('category', 'categories'), ('creator', 'creators')] %}
item_{{ many }} as (
    select
        item_id,
        {{ one }}
    from items
    {{ lateral_explode('items.' ~ many, one) }}
),

{{ one }}_affinities as (
    select
        candidates.user_id,
        candidates.item_id,
        {{ stable_sum('shares.share') }} as affinity
    from candidates
    inner join item_{{ many }} on candidates.item_id = item_{{ many }}.item_id
    inner join {{ ref('user_' ~ one ~ '_shares') }} as shares
        on candidates.user_id = shares.user_id and item_{{ many }}.{{ one }} = shares.{{ one }}
    where shares.cutoff = '{{ current_cutoff() }}'
    group by candidates.user_id, candidates.item_id
),
{% endfor %}
{# More than there are items. #}
{%- set most_items = 2 ** 32 %}
-- A number for each pair of a user and an item: users have twenty times as many pairs of an own item and a neighbour of
-- it as candidates, and one number is found faster than two ids. That the number is of both also keeps the join of
-- candidates last, where it belongs.
{% for one in ['user', 'item'] -%}
candidate_{{ one }}s as (
    select
        {{ one }}_id,
        cast(row_number() over (order by {{ one }}_id) as bigint) as {{ one }}_number
    from (select distinct {{ one }}_id from candidates) as named
),

{% endfor -%}

numbered_candidates as (
    select
        candidates.user_id,
        candidates.item_id,
        candidate_users.user_number * {{ most_items }} + candidate_items.item_number as pair_number
    from candidates
    inner join candidate_users on candidates.user_id = candidate_users.user_id
    inner join candidate_items on candidates.item_id = candidate_items.item_id
),

numbered_user_items as (
    select
        candidate_users.user_number,
        user_items.item_id,
        user_items.is_liked,
        user_items.recency_rank
    from user_items
    inner join candidate_users on user_items.user_id = candidate_users.user_id
    where user_items.recency_rank <= {{ var('features').history_events }}
),

numbered_neighbours as (
    select
        neighbours.item_id,
        candidate_items.item_number as neighbour_number,
        neighbours.score
    from {{ ref('covisited_items') }} as neighbours
    inner join candidate_items on neighbours.neighbour_item_id = candidate_items.item_id
    where neighbours.cutoff = '{{ current_cutoff() }}'
),

similarities as (
    select
        numbered_candidates.pair_number,
        max(neighbours.score) as similarity_max,
        {{ stable_sum('neighbours.score') }} as similarity_sum,
        max(case when user_items.recency_rank = 1 then neighbours.score end) as similarity_last,
        {{ stable_sum('neighbours.score * power(0.9, user_items.recency_rank - 1)') }} as similarity_decayed,
        {{ stable_sum('case when user_items.is_liked then neighbours.score end') }} as similarity_liked_sum,
        count(*) as n_similar_items
    from numbered_user_items as user_items
    inner join numbered_neighbours as neighbours on user_items.item_id = neighbours.item_id
    inner join numbered_candidates
        on numbered_candidates.pair_number = user_items.user_number * {{ most_items }} + neighbours.neighbour_number
    group by numbered_candidates.pair_number
)

select
    '{{ current_cutoff() }}' as cutoff,
    candidates.user_id,
    candidates.item_id,
    coalesce(category_affinities.affinity, 0.0) as category_affinity,
    coalesce(creator_affinities.affinity, 0.0) as creator_affinity,
    case
        when items.price > 0 and users.price_mean > 0
            then abs(ln(items.price) - ln(users.price_mean))
    end as price_distance,
    user_items.item_id is not null as is_seen,
    coalesce(user_items.n_events, 0) as times_seen,
    cast({{ days_between('user_items.last_at', 'users.as_of') }} as double) as days_since_seen,
    coalesce(similarities.similarity_max, 0.0) as similarity_max,
    coalesce(similarities.similarity_sum, 0.0) as similarity_sum,
    coalesce(similarities.similarity_last, 0.0) as similarity_last,
    coalesce(similarities.similarity_decayed, 0.0) as similarity_decayed,
    coalesce(similarities.similarity_liked_sum, 0.0) as similarity_liked_sum,
    coalesce(similarities.n_similar_items, 0) as n_similar_items
from numbered_candidates as candidates
left join users on candidates.user_id = users.user_id
left join items on candidates.item_id = items.item_id
left join user_items
    on candidates.user_id = user_items.user_id and candidates.item_id = user_items.item_id
left join category_affinities
    on candidates.user_id = category_affinities.user_id and candidates.item_id = category_affinities.item_id
left join creator_affinities
    on candidates.user_id = creator_affinities.user_id and candidates.item_id = creator_affinities.item_id
left join similarities on candidates.pair_number = similarities.pair_number
