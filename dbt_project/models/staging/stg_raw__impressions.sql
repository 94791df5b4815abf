with source as (
    select * from {{ source('raw', 'impressions') }}
),

renamed as (
    select
        list_id,
        user_id,
        item_id,
        position,
        ts as shown_at,
        surface,
        propensity,
        attributes,
        file_id,
        line
    from source
)

select * from renamed
