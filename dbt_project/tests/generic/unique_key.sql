{# The rows whose `columns`, together, occur more than once (NULL counts as a value). #}
{% test unique_key(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as n_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
