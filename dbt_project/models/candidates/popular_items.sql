{{ config(materialized='table_by_cutoff') }}
{% set half_life_shares = var('candidates').popular.half_life_shares %}
{% set variants = ['all'] + half_life_shares.keys() | list %}
{% set group_size = 200 %}

with history as (
    select
        cutoff,
        item_id,
        weight,
        event_age,
        count(*) over (partition by cutoff) as n_events
    from {{ ref('int_history') }}
    where {{ is_made() }}
),

items as (
    select
        item_id,
        categories
    from {{ ref('stg_raw__items') }}
),

item_scores as (
    select
        cutoff,
        item_id,
        {%- for variant, share in half_life_shares.items() %}
        {{ stable_sum('weight * power(0.5, event_age / (' ~ share ~ ' * n_events))') }} as score_{{ variant }},
        {%- endfor %}
        {{ stable_sum('weight') }} as score_all
    from history
    where weight > 0
    group by cutoff, item_id
),

variant_scores as (
    {%- for variant in variants %}
    select
        cutoff,
        '{{ variant }}' as variant,
        item_id,
        score_{{ variant }} as score
    from item_scores
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

item_categories as (
    select
        item_id,
        category
    from items
    {{ lateral_explode('items.categories', 'category') }}
),

grouped as (
    select
        cutoff,
        variant,
        cast(null as string) as category,
        item_id,
        score
    from variant_scores
    union all
    select
        variant_scores.cutoff,
        variant_scores.variant,
        item_categories.category,
        variant_scores.item_id,
        variant_scores.score
    from variant_scores
    inner join item_categories on variant_scores.item_id = item_categories.item_id
)

select
    cutoff,
    variant,
    category,
    item_id,
    score,
    cast(row_number() over (
        partition by cutoff, variant, category
        order by score desc, item_id asc
    ) as integer) as rank
from grouped
qualify rank <= {{ group_size }}
