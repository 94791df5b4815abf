{{ config(materialized='table_by_cutoff') }}

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
        categories,
        {{ list_length('categories') }} as n_categories
    from {{ ref('stg_raw__items') }}
),

item_categories as (
    select
        item_id,
        category,
        n_categories
    from items
    {{ lateral_explode('items.categories', 'category') }}
),

-- An item's weight is divided among its categories: one in six of them says less about each.
user_categories as (
    select
        user_items.cutoff,
        user_items.user_id,
        item_categories.category,
        {{ stable_sum('user_items.weight / item_categories.n_categories') }} as weight
    from user_items
    inner join item_categories on user_items.item_id = item_categories.item_id
    group by user_items.cutoff, user_items.user_id, item_categories.category
    having sum(cast(user_items.weight / item_categories.n_categories as decimal(38, 12))) > 0
),

user_totals as (
    select
        cutoff,
        user_id,
        {{ stable_sum('weight') }} as weight
    from user_categories
    group by cutoff, user_id
)

select
    user_categories.cutoff,
    user_categories.user_id,
    user_categories.category,
    user_categories.weight / user_totals.weight as share,
    user_categories.weight
from user_categories
inner join user_totals
    on user_categories.cutoff = user_totals.cutoff and user_categories.user_id = user_totals.user_id
