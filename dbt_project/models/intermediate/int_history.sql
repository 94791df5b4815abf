{{ config(materialized='table_by_cutoff') }}

with visible as (
    select
        user_cutoffs.cutoff,
        interactions.*,
        user_cutoffs.n_history_events,
        user_cutoffs.as_of,
        coalesce(
            interactions.cancelled_at < user_cutoffs.visible_until,
            interactions.cancelled_at is not null and user_cutoffs.visible_until is null
        ) as is_cancelled
    from {{ ref('int_user_cutoffs') }} as user_cutoffs
    inner join {{ ref('int_interactions') }} as interactions
        on
            user_cutoffs.user_id = interactions.user_id
            and (user_cutoffs.visible_until is null or user_cutoffs.visible_until > interactions.occurred_at)
    where {{ is_made('user_cutoffs.cutoff') }}
)

select
    cutoff,
    event_key,
    user_id,
    item_id,
    event_type,
    value,
    occurred_at,
    session_id,
    case when is_cancelled then 0 else relevance_label end as relevance_label,
    is_liked and not is_cancelled as is_liked,
    is_disliked,
    case when is_cancelled then 0.0 else weight end as weight,
    is_consuming,
    is_repeatable,
    is_cancelled,
    event_number,
    n_history_events - event_number + 1 as recency_rank,
    row_number() over (partition by cutoff order by event_rank desc) - 1 as event_age,
    as_of
from visible
