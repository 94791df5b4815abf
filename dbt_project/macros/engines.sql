{# What DuckDB and Spark spell differently, and nothing else. #}

{# Days from one timestamp to another, with their fraction. #}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'recsys')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    ((epoch_us({{ later }}) - epoch_us({{ earlier }})) / 86400000000.0)
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    cast((unix_micros({{ later }}) - unix_micros({{ earlier }})) / 86400000000.0 as double)
{%- endmacro %}

{# A join that gives one row per element of a list column, as `column`; empty lists give none. #}
{% macro lateral_explode(list_column, column) -%}
    {{ return(adapter.dispatch('lateral_explode', 'recsys')(list_column, column)) }}
{%- endmacro %}

{% macro default__lateral_explode(list_column, column) -%}
    cross join unnest({{ list_column }}) as exploded_{{ column }} ({{ column }})
{%- endmacro %}

{% macro spark__lateral_explode(list_column, column) -%}
    lateral view explode({{ list_column }}) exploded_{{ column }} as {{ column }}
{%- endmacro %}

{# A list without its repetitions and NULLs, in its own order; NULL becomes an empty list. #}
{% macro distinct_list(list_column) -%}
    {{ return(adapter.dispatch('distinct_list', 'recsys')(list_column)) }}
{%- endmacro %}

{% macro default__distinct_list(list_column) -%}
    coalesce(
        list_filter(
            {{ list_column }},
            lambda element, place: element is not null and list_position({{ list_column }}, element) = place
        ),
        cast([] as varchar [])
    )
{%- endmacro %}

{% macro spark__distinct_list(list_column) -%}
    coalesce(array_distinct(array_compact({{ list_column }})), cast(array() as array<string>))
{%- endmacro %}

{# The number of elements of a list. #}
{% macro list_length(list_column) -%}
    {{ return(adapter.dispatch('list_length', 'recsys')(list_column)) }}
{%- endmacro %}

{% macro default__list_length(list_column) -%}
    len({{ list_column }})
{%- endmacro %}

{% macro spark__list_length(list_column) -%}
    cast(size({{ list_column }}) as bigint)
{%- endmacro %}

{# After `as` of a WITH query that is read more than once: it is put in the places where it is read. #}
{% macro not_materialized() -%}
    {{ return(adapter.dispatch('not_materialized', 'recsys')()) }}
{%- endmacro %}

{% macro default__not_materialized() -%}
    not materialized
{%- endmacro %}

{# As Spark does with all of them. #}
{% macro spark__not_materialized() -%}
{%- endmacro %}
