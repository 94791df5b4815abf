with latest as (
    {{ latest_rows('items', 'item_id') }}
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
