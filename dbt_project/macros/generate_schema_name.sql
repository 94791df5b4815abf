{# A layer's schema is its own name (`features`), not `main_features`: people type it, and the asset keys say it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
