{{ config(materialized='table_by_cutoff') }}

with user_cutoffs as (
    select *
    from {{ ref('int_user_cutoffs') }}
    where visible_until is not null and {{ is_made() }}
),

user_items as (
    select
        cutoff,
        user_id,
        item_id,
        is_consumed
    from {{ ref('int_user_items') }}
    where {{ is_made() }}
),

known_items as (
    select distinct
        cutoff,
        item_id
    from user_items
),

-- An event counts with what is known at the end of its window: 0 if it was taken back by then.
relevant as (
    select
        user_cutoffs.cutoff,
        user_cutoffs.user_id,
        interactions.item_id,
        max(interactions.relevance_label) as relevance_label,
        min(interactions.occurred_at) as first_at,
        user_cutoffs.is_target
    from user_cutoffs
    inner join {{ ref('int_interactions') }} as interactions
        on
            user_cutoffs.user_id = interactions.user_id
            and user_cutoffs.visible_until <= interactions.occurred_at
            and (user_cutoffs.labels_until is null or user_cutoffs.labels_until > interactions.occurred_at)
    where
        interactions.relevance_label > 0
        and (interactions.cancelled_at is null or interactions.cancelled_at >= user_cutoffs.labels_until)
    group by user_cutoffs.cutoff, user_cutoffs.user_id, interactions.item_id, user_cutoffs.is_target
)

select
    relevant.cutoff,
    relevant.user_id,
    relevant.item_id,
    relevant.relevance_label,
    relevant.first_at,
    relevant.is_target
from relevant
inner join known_items on relevant.cutoff = known_items.cutoff and relevant.item_id = known_items.item_id
left join user_items
    on
        relevant.cutoff = user_items.cutoff
        and relevant.user_id = user_items.user_id
        and relevant.item_id = user_items.item_id
where not coalesce(user_items.is_consumed, false)
