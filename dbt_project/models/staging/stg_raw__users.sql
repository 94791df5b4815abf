with source as (
    select * from {{ source('raw', 'users') }}
),

files as (
    select
        file_id,
        load_number
    from {{ source('raw', 'files') }}
),

latest as (
    select source.*
    from source
    left join files on source.file_id = files.file_id
    qualify row_number() over (
        partition by source.user_id
        order by files.load_number desc nulls last, source.line desc, source.file_id asc
    ) = 1
),

renamed as (
    select
        user_id,
        attributes
    from latest
)

select * from renamed
