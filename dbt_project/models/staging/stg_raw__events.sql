with source as (
    select * from {{ source('raw', 'events') }}
),

renamed as (
    select
        md5(file_id || ':' || line) as event_key,
        user_id,
        item_id,
        event_type,
        {{ bounded_number('value') }} as value,
        ts as occurred_at,
        session_id,
        file_id,
        line
    from source
)

select * from renamed
