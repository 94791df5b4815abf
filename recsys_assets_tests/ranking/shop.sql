-- A shop by hand. x is wanted most and not available; e has no description; m and z are known from events alone.
-- u1 has history and candidates, u2 has history without candidates, u3 is known by name alone.
CREATE SCHEMA staging; CREATE SCHEMA intermediate; CREATE SCHEMA features; CREATE SCHEMA candidates;
CREATE SCHEMA ranking; CREATE SCHEMA publishing;

CREATE TABLE staging.stg_raw__items AS FROM (VALUES
    ('a', 'Apple', ['fruit'], ['Ann'], true),
    ('b', 'Book', ['paper'], ['Bob'], true),
    ('c', 'Card', ['paper'], [], true),
    ('d', 'Doll', ['toy'], ['Ann'], true),
    ('e', NULL, [], [], true),
    ('k', 'Kite', ['toy'], [], true),
    ('x', 'Xylophone', ['toy'], ['Ann'], false)
) AS rows(item_id, title, categories, creators, available);

CREATE TABLE staging.stg_raw__users AS FROM (VALUES ('u1'), ('u3')) AS rows(user_id);

CREATE TABLE intermediate.int_interactions AS FROM (VALUES
    ('a'), ('a'), ('b'), ('c'), ('d'), ('e'), ('k'), ('m'), ('x'), ('z')) AS rows(item_id);

CREATE TABLE intermediate.int_cutoffs AS FROM (VALUES
    ('test', TIMESTAMP '2024-02-01'), ('live', TIMESTAMP '2024-03-01')) AS rows(cutoff, as_of);

CREATE TABLE intermediate.int_user_cutoffs AS FROM (VALUES
    ('live', 'u1'), ('live', 'u2'), ('test', 'u9')) AS rows(cutoff, user_id);

CREATE TABLE intermediate.int_user_items AS FROM (VALUES
    ('live', 'u1', 'z', 1.0, false, false, false, 1),
    ('live', 'u1', 'k', 1.0, true, false, true, 2),
    ('live', 'u1', 'a', 1.0, true, false, true, 3),
    ('live', 'u1', 'm', 1.0, true, false, true, 4),
    ('live', 'u2', 'a', 1.0, false, true, true, 1),
    ('live', 'u2', 'b', 1.0, false, false, true, 2),
    ('live', 'u2', 'k', 1.0, false, false, true, 3),
    ('test', 'u3', 'c', 1.0, true, false, true, 1)
) AS rows(cutoff, user_id, item_id, weight, is_liked, is_disliked, is_consumed, last_recency_rank);

CREATE TABLE features.item_features AS FROM (VALUES
    ('live', 'a', 5, 5.0, 1.0, 0.9, NULL, 400.0),
    ('live', 'b', 4, 1.0, 2.0, 0.8, 900.0, 900.0),
    ('live', 'c', 4, 2.0, 4.0, 0.8, 900.0, 5.0),
    ('live', 'd', 2, 8.0, 8.0, 0.0, 10.0, 10.0),
    ('live', 'e', 1, 0.5, 0.5, 0.0, NULL, 365.0),
    ('live', 'x', 9, 9.0, 9.0, 1.0, 1.0, 1.0),
    ('test', 'z', 99, 99.0, 99.0, 1.0, 1.0, 1.0)
) AS rows(cutoff, item_id, n_users, decayed_events_slow, decayed_events_fast, popularity_percentile,
          days_since_release, days_since_first_event);

CREATE TABLE features.user_creator_shares AS FROM (VALUES
    ('live', 'u1', 'Ann', 0.5), ('live', 'u1', 'Bob', 0.5), ('test', 'u3', 'Ann', 1.0)
) AS rows(cutoff, user_id, creator, share);

CREATE TABLE features.user_category_shares AS FROM (VALUES
    ('live', 'u1', 'toy', 0.5), ('live', 'u2', 'paper', 0.5)) AS rows(cutoff, user_id, category, share);

CREATE TABLE candidates.merged AS SELECT * REPLACE (CAST(fused_score AS DOUBLE) AS fused_score) FROM (VALUES
    ('live', 'u1', 'b', 0.9, 2, 4.0, 1, 0.5, 1),
    ('live', 'u1', 'c', 0.8, 1, NULL, NULL, 0.4, 2),
    ('live', 'u1', 'd', 0.5, 1, 2.0, 3, NULL, NULL),
    ('test', 'u1', 'x', 9.9, 1, 9.0, 1, NULL, NULL)
) AS rows(cutoff, user_id, item_id, fused_score, n_sources, score_popular, rank_popular, score_als, rank_als);

CREATE TABLE candidates.als AS FROM (VALUES
    ('live', 'u1', 'c', 0.5, 1), ('live', 'u1', 'b', 0.25, 2), ('test', 'u1', 'x', 9.0, 1)
) AS rows(cutoff, user_id, item_id, score, rank);

CREATE TABLE candidates.covisited_items AS FROM (VALUES
    ('live', 'a', 'b', 2.0, 1), ('live', 'a', 'x', 1.5, 2), ('live', 'a', 'c', 0.5, 3),
    ('live', 'k', 'b', 3.0, 1), ('live', 'm', 'b', 5.0, 1), ('live', 'z', 'b', 9.0, 1), ('live', 'z', 'c', 1.0, 2), ('live', 'z', 'd', 0.0, 3),
    ('live', 'e', 'b', 0.0, 1), ('test', 'e', 'd', 5.0, 1)
) AS rows(cutoff, item_id, neighbour_item_id, score, rank);

CREATE TABLE candidates.popular_items AS FROM (VALUES
    ('live', 'fast', NULL, 'x', 9.0, 1), ('live', 'fast', NULL, 'd', 8.0, 2), ('live', 'fast', NULL, 'b', 4.0, 3),
    ('live', 'fast', NULL, 'c', 4.0, 4), ('live', 'fast', NULL, 'a', 1.0, 5), ('live', 'fast', NULL, 'e', 0.5, 6),
    ('live', 'fast', 'toy', 'x', 9.0, 1), ('live', 'fast', 'toy', 'd', 8.0, 2),
    ('live', 'slow', NULL, 'e', 9.0, 1), ('test', 'fast', NULL, 'e', 9.0, 1)
) AS rows(cutoff, variant, category, item_id, score, rank);

CREATE TABLE ranking.scored_candidates AS FROM (VALUES
    ('u1', 'd', 3.0), ('u1', 'b', -4.0), ('u1', 'c', -1.0)) AS rows(user_id, item_id, score);

CREATE TABLE ranking.scored_features AS FROM (VALUES
    ('u1', 'b', [1.0]), ('u1', 'never listed', [2.0])) AS rows(user_id, item_id, features);

CREATE TABLE publishing.similar_items AS FROM (VALUES
    ('a', 1, 'b', 'Book', 1.0), ('a', 2, 'k', 'Kite', 0.75), ('a', 3, 'c', 'Card', 0.5), ('b', 1, 'a', 'Apple', 1.0)
) AS rows(item_id, rank, similar_item_id, title, score);

CREATE TABLE publishing.trending_items AS FROM (VALUES
    (NULL, 1, 'd', 'Doll', 8.0), (NULL, 2, 'b', 'Book', 4.0), (NULL, 3, 'a', 'Apple', 1.0), (NULL, 4, 'e', NULL, 0.5),
    (NULL, 5, 'c', 'Card', 0.4), (NULL, 6, 'f', NULL, 0.3), ('toy', 1, 'g', NULL, 8.0)
) AS rows(category, rank, item_id, title, score);
