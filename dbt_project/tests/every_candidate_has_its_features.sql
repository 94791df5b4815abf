{{ config(tags=['after_candidates']) }}
-- A candidate without a row would silently vanish from ranking, a second row would count it twice. A refresh answers
-- for `live` alone: a build that was killed may have left other cutoffs' candidates without features.
with candidates as (
    select
        cutoff,
        count(*) as n_rows
    from {{ source('candidates', 'merged') }}
    where {{ is_made(relation=ref('user_item_features')) }}
    group by cutoff
),

features as (
    select
        cutoff,
        count(*) as n_rows
    from {{ ref('user_item_features') }}
    group by cutoff
)

select
    candidates.cutoff,
    candidates.n_rows,
    features.n_rows as n_feature_rows
from candidates
left join features on candidates.cutoff = features.cutoff
where candidates.n_rows is distinct from features.n_rows
