-- A user's labels of one cutoff must all be visible at the next: were they not, horizons would overlap or leave a gap.
with horizons as (
    select
        user_cutoffs.*,
        lead(user_cutoffs.visible_until) over (
            partition by user_cutoffs.user_id
            order by cutoffs.cutoff_number
        ) as next_visible_until
    from {{ ref('int_user_cutoffs') }} as user_cutoffs
    inner join {{ ref('int_cutoffs') }} as cutoffs on user_cutoffs.cutoff = cutoffs.cutoff
)

select
    cutoff,
    user_id,
    labels_until,
    next_visible_until
from horizons
where next_visible_until < visible_until or labels_until is distinct from next_visible_until
