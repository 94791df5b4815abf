-- No label may be of an item that the user had consumed, nor rest on an event that is not later than the history.
with last_events as (
    select
        cutoff,
        user_id,
        max(last_at) as last_at
    from {{ ref('int_user_items') }}
    group by cutoff, user_id
)

select
    labels.cutoff,
    labels.user_id,
    labels.item_id
from {{ ref('int_labels') }} as labels
inner join last_events
    on labels.cutoff = last_events.cutoff and labels.user_id = last_events.user_id
left join {{ ref('int_user_items') }} as user_items
    on
        labels.cutoff = user_items.cutoff
        and labels.user_id = user_items.user_id
        and labels.item_id = user_items.item_id
where labels.first_at <= last_events.last_at or user_items.is_consumed
