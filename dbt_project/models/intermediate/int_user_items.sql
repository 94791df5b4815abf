{{ config(materialized='table_by_cutoff') }}

select
    cutoff,
    user_id,
    item_id,
    count(*) as n_events,
    {{ stable_sum('weight') }} as weight,
    max(relevance_label) as max_relevance_label,
    bool_or(is_liked) as is_liked,
    bool_or(is_disliked) and not bool_or(is_liked) as is_disliked,
    bool_or(is_consuming and not is_repeatable) as is_consumed,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at,
    min(recency_rank) as last_recency_rank,
    min(event_age) as last_event_age,
    max_by(value, event_number) filter (where value is not null) as last_value
from {{ ref('int_history') }}
where {{ is_made() }}
group by cutoff, user_id, item_id
