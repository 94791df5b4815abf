{% set ratings = var('ratings') %}

with events as (
    select
        events.event_key,
        events.user_id,
        events.item_id,
        events.event_type,
        events.value,
        events.occurred_at,
        events.session_id,
        event_types.relevance_label,
        event_types.weight,
        event_types.is_consuming,
        event_types.is_repeatable,
        event_types.cancels_event_type is not null as is_cancelling,
        coalesce(event_types.cancels_event_type, events.event_type) as cancellable_event_type
    from {{ ref('stg_raw__events') }} as events
    inner join {{ ref('int_event_types') }} as event_types on events.event_type = event_types.event_type
),

-- A cancelling event takes back the latest earlier event of its type, user and item. So an event is first taken back by
-- the very next one of that kind, if that is a cancelling one. Of two at the same time the cancelling one is the later.
followed as (
    select
        *,
        lead(is_cancelling) over same_kind as is_next_cancelling,
        lead(occurred_at) over same_kind as next_at
    from events
    window same_kind as (
        partition by user_id, item_id, cancellable_event_type
        order by occurred_at, is_cancelling, event_key
    )
),

rating_scale as (
    select case when max(value) > 5 then 10 else 5 end as top
    from events
    where event_type = 'rating'
),

judged as (
    select
        followed.*,
        case
            when followed.event_type = 'rating'
                then coalesce(followed.value >= {{ ratings.liked_share }} * rating_scale.top, true)
            else followed.relevance_label > 0
        end as is_liked,
        case
            when followed.event_type = 'rating'
                then coalesce(followed.value <= {{ ratings.disliked_share }} * rating_scale.top, false)
            else followed.event_type = 'dislike'
        end as is_disliked
    from followed
    cross join rating_scale
    where not followed.is_cancelling
)

select
    event_key,
    user_id,
    item_id,
    event_type,
    value,
    occurred_at,
    session_id,
    case when is_liked then relevance_label else 0 end as relevance_label,
    is_liked,
    is_disliked,
    weight,
    is_consuming,
    is_repeatable,
    case when is_next_cancelling then next_at end as cancelled_at,
    row_number() over (partition by user_id order by occurred_at, item_id, event_key) as event_number,
    row_number() over (order by occurred_at, event_key) as event_rank
from judged
