{{ config(materialized='table_by_cutoff') }}

{{ user_shares('creators', 'creator') }}
