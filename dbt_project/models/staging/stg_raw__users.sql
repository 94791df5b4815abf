with latest as (
    {{ latest_rows('users', 'user_id') }}
),

renamed as (
    select
        user_id,
        attributes
    from latest
)

select * from renamed
