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
neighbours as (
    select
        item_id,
        neighbour_item_id,
        score
    from {{ ref('covisited_items') }}
    where cutoff = '{{ current_cutoff() }}'
),

similarities as (
    select
        user_items.user_id,
        neighbours.neighbour_item_id as item_id,
        max(neighbours.score) as similarity_max,
        {{ stable_sum('neighbours.score') }} as similarity_sum,
        max(case when user_items.recency_rank = 1 then neighbours.score end) as similarity_last,
        {{ stable_sum('neighbours.score * power(0.9, user_items.recency_rank - 1)') }} as similarity_decayed,
        {{ stable_sum('case when user_items.is_liked then neighbours.score end') }} as similarity_liked_sum,
        count(*) as n_similar_items
    from user_items
    inner join neighbours on user_items.item_id = neighbours.item_id
    inner join candidates
        on user_items.user_id = candidates.user_id and neighbours.neighbour_item_id = candidates.item_id
    where user_items.recency_rank <= {{ var('features').history_events }}
    group by user_items.user_id, neighbours.neighbour_item_id
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
from candidates
left join users on candidates.user_id = users.user_id
left join items on candidates.item_id = items.item_id
left join user_items
    on candidates.user_id = user_items.user_id and candidates.item_id = user_items.item_id
left join category_affinities
    on candidates.user_id = category_affinities.user_id and candidates.item_id = category_affinities.item_id
left join creator_affinities
    on candidates.user_id = creator_affinities.user_id and candidates.item_id = creator_affinities.item_id
left join similarities
    on candidates.user_id = similarities.user_id and candidates.item_id = similarities.item_id
