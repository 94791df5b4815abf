with source as (
    select * from {{ source('raw', 'items') }}
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
        partition by source.item_id
        order by files.load_number desc nulls last, source.line desc, source.file_id asc
    ) = 1
),

renamed as (
    select
        item_id,
        title,
        {{ distinct_list('categories') }} as categories,  -- noqa: PRS
        {{ distinct_list('creators') }} as creators,  -- noqa: PRS
        released_at,
        {{ bounded_number('price') }} as price,
        description,
        coalesce(available, true) as available
    from latest
)

select * from renamed
