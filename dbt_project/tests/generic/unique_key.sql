{#
  The rows whose `columns`, together, occur more than once (NULL counts as a value). Where a cutoff is one of them, a
  refresh answers for `live`, which it makes: it changes no other cutoff's rows, and no list reads them.
#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as n_rows
from {{ model }}
{% if 'cutoff' in columns %}where {{ is_made(relation=model) }}{% endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
