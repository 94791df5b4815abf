{#
  A build makes every cutoff, and so does dbt on its own. A refresh (RECSYS_CUTOFFS=live) makes `live` alone: the labelled
  cutoffs stay as the models saw them, since nothing that scores with these reads them.
#}
{% macro is_refresh(relation=none) -%}
    {{ return(execute and env_var('RECSYS_CUTOFFS', '') == 'live' and load_cached_relation(relation or this) is not none) }}
{%- endmacro %}

{#
  The condition on a cutoff column under which its rows are made now; for models materialized as table_by_cutoff, and for
  the tests of one, which name it.
#}
{% macro is_made(column='cutoff', relation=none) -%}
    {{ return(column ~ " = 'live'" if is_refresh(relation) else 'true') }}
{%- endmacro %}
