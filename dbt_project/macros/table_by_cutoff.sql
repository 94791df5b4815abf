{#
  A table of which a refresh replaces the rows of `live` alone; its SQL says `where {{ is_made() }}` of what it reads.

  Or written one cutoff after another, for models whose intermediate rows are many times their result: five cutoffs at
  once need five times the memory (online-retail's co-visits: out of memory at 2 GB, and 2.5 times slower where they fit).
  Then the model's SQL says `where cutoff = '{{ current_cutoff() }}'`; this materialization puts each cutoff's name there.
#}
{% macro current_cutoff() -%}
    {{ return('each cutoff in turn') }}
{%- endmacro %}

{% materialization table_by_cutoff, default, supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set is_one_at_a_time = current_cutoff() in sql -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if is_refresh() %}
        {{ _replace_live(existing_relation, sql | replace(current_cutoff(), 'live')) }}
    {% else %}
        {%- set new_relation = make_intermediate_relation(target_relation) -%}
        {{ drop_relation_if_exists(load_cached_relation(new_relation)) }}
        {# Where cutoffs are made one at a time the placeholder is the name of none: this makes the empty table, and checks the contract. #}
        {% call statement('main') -%}
            {{ create_table_as(False, new_relation, sql) }}
        {%- endcall %}
        {% if is_one_at_a_time %}
            {%- set cutoffs = run_query('select cutoff from ' ~ ref('int_cutoffs') ~ ' order by cutoff_number').columns[0].values() -%}
            {% for cutoff in cutoffs %}
                {% call statement('cutoff_' ~ loop.index) -%}
                    insert into {{ new_relation }} {{ sql | replace(current_cutoff(), cutoff) }}
                {%- endcall %}
            {% endfor %}
        {% endif %}
        {% if existing_relation is not none %}
            {{ drop_relation_if_exists(existing_relation) }}
        {% endif %}
        {{ adapter.rename_relation(new_relation, target_relation) }}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#
  The new rows are made before the old ones go, since int_cutoffs reads itself. One transaction, like all of a model. They
  wait in memory: as a table of the warehouse they would be compressed and written twice. A temporary table is not made by
  the contract, so its columns may come in another order. On an engine whose temporary tables are views, as Spark's, this
  would read what it has deleted.
#}
{% macro _replace_live(relation, sql) %}
    {%- set made = make_intermediate_relation(relation).include(database=False, schema=False) -%}
    {% call statement('make_live') -%}
        {{ create_table_as(True, made, sql) }}
    {%- endcall %}
    {%- set columns, made_columns = adapter.get_columns_in_relation(relation), adapter.get_columns_in_relation(made) -%}
    {% if columns | map(attribute='name') | sort != made_columns | map(attribute='name') | sort %}
        {{ exceptions.raise_compiler_error(relation ~ ' is of an earlier version: run `recsys build`, which makes it anew') }}
    {% endif %}
    {% call statement('remove_live') -%}
        delete from {{ relation }} where cutoff = 'live'
    {%- endcall %}
    {%- set names = columns | map(attribute='quoted') | join(', ') -%}
    {% call statement('main') -%}
        insert into {{ relation }} ({{ names }}) select {{ names }} from {{ made }}
    {%- endcall %}
    {% call statement('drop_made') -%}
        drop table {{ made }}
    {%- endcall %}
{% endmacro %}
