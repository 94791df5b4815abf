{#
  What share of a user's liking goes to each of the names that an item has: `list_column` of stg_raw__items, whose entries
  are called `name`. An item's weight is divided among its names: one in six of them says less about each.
#}
{% macro user_shares(list_column, name) -%}
with user_items as (
    select
        cutoff,
        user_id,
        item_id,
        weight
    from {{ ref('int_user_items') }}
    where weight > 0 and not is_disliked and {{ is_made() }}
),

items as (
    select
        item_id,
        {{ list_column }},
        {{ list_length(list_column) }} as n_names
    from {{ ref('stg_raw__items') }}
),

item_names as (
    select
        item_id,
        {{ name }},
        n_names
    from items
    {{ lateral_explode('items.' ~ list_column, name) }}
),

user_names as (
    select
        user_items.cutoff,
        user_items.user_id,
        item_names.{{ name }},
        {{ stable_sum('user_items.weight / item_names.n_names') }} as weight
    from user_items
    inner join item_names on user_items.item_id = item_names.item_id
    group by user_items.cutoff, user_items.user_id, item_names.{{ name }}
    having sum(cast(user_items.weight / item_names.n_names as decimal(38, 12))) > 0
),

user_totals as (
    select
        cutoff,
        user_id,
        {{ stable_sum('weight') }} as weight
    from user_names
    group by cutoff, user_id
)

select
    user_names.cutoff,
    user_names.user_id,
    user_names.{{ name }},
    user_names.weight / user_totals.weight as share,
    user_names.weight
from user_names
inner join user_totals
    on user_names.cutoff = user_totals.cutoff and user_names.user_id = user_totals.user_id
{%- endmacro %}
