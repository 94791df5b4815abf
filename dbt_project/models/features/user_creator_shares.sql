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
        creators,
        {{ list_length('creators') }} as n_creators
    from {{ ref('stg_raw__items') }}
),

item_creators as (
    select
        item_id,
        creator,
        n_creators
    from items
    {{ lateral_explode('items.creators', 'creator') }}
),

-- An item's weight is divided among its creators: one in six of them says less about each.
user_creators as (
    select
        user_items.cutoff,
        user_items.user_id,
        item_creators.creator,
        {{ stable_sum('user_items.weight / item_creators.n_creators') }} as weight
    from user_items
    inner join item_creators on user_items.item_id = item_creators.item_id
    group by user_items.cutoff, user_items.user_id, item_creators.creator
    having sum(cast(user_items.weight / item_creators.n_creators as decimal(38, 12))) > 0
),

user_totals as (
    select
        cutoff,
        user_id,
        {{ stable_sum('weight') }} as weight
    from user_creators
    group by cutoff, user_id
)

select
    user_creators.cutoff,
    user_creators.user_id,
    user_creators.creator,
    user_creators.weight / user_totals.weight as share,
    user_creators.weight
from user_creators
inner join user_totals
    on user_creators.cutoff = user_totals.cutoff and user_creators.user_id = user_totals.user_id
