{# The row of a raw table that came last for each key: of the file that was loaded last, and there the lowest. #}
{% macro latest_rows(table, key) -%}
    select source.*
    from {{ source('raw', table) }} as source
    left join {{ source('raw', 'files') }} as files on source.file_id = files.file_id
    qualify row_number() over (
        partition by source.{{ key }}
        order by files.load_number desc nulls last, source.line desc, source.file_id asc
    ) = 1
{%- endmacro %}
