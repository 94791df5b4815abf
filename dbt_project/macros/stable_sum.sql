{#
  The sum of doubles, the same bit for bit whatever the number of threads: doubles added in another order give other last
  bits, decimals do not. 12 decimal places, 26 before the point. Means and variances divide this; nothing uses avg or stddev.
#}
{% macro stable_sum(expression) -%}
    cast(sum(cast({{ expression }} as decimal(38, 12))) as double)
{%- endmacro %}

{# `expression`, or NULL where it is not a number that stable_sum can hold: NaN, infinity, 1e12 and beyond. #}
{% macro bounded_number(expression) -%}
    case when abs({{ expression }}) < 1e12 then {{ expression }} end
{%- endmacro %}
