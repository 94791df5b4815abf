-- No event may be in the history of a cutoff that it happened at or after.
select
    history.cutoff,
    history.event_key,
    history.occurred_at,
    user_cutoffs.visible_until
from {{ ref('int_history') }} as history
inner join {{ ref('int_user_cutoffs') }} as user_cutoffs
    on history.cutoff = user_cutoffs.cutoff and history.user_id = user_cutoffs.user_id
where history.occurred_at >= user_cutoffs.visible_until
