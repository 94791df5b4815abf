"""What is wanted now, over the shop by hand."""

from recsys_assets.config import load_config
from recsys_assets.ranking.trending import OVERALL_LENGTH, write_trending_items


def trending(connection) -> list[tuple]:
    return connection.execute("SELECT category, rank, item_id, title, score FROM publishing.trending_items").fetchall()


def test_fast_popularity_now_without_unavailable_items_and_ranked_anew(shop, quick_config) -> None:
    assert write_trending_items(shop, quick_config) == 6
    assert trending(shop) == [
        (None, 1, "d", "Doll", 8.0),
        (None, 2, "b", "Book", 4.0),
        (None, 3, "c", "Card", 4.0),
        (None, 4, "a", "Apple", 1.0),
        (None, 5, "e", None, 0.5),
        ("toy", 1, "d", "Doll", 8.0),
    ]


def test_a_category_has_a_list_of_the_usual_length_and_the_whole_a_longer_one(shop, quick_settings) -> None:
    shop.execute(
        """
        INSERT INTO candidates.popular_items
        SELECT 'live', 'fast', category, 'n' || lpad(number::VARCHAR, 3, '0'), 0.25,
               3 + number + (category IS NULL)::INTEGER * 4
        FROM range(150) AS numbers(number), (VALUES (NULL), ('toy')) AS categories(category)
        """
    )
    config = load_config(quick_settings | {"RECSYS__RERANK__LIST_LENGTH": "3"})
    assert write_trending_items(shop, config) == OVERALL_LENGTH + 3
    assert [row[2] for row in trending(shop) if row[0] == "toy"] == ["d", "n000", "n001"]


def test_nothing_popular_leaves_an_empty_table(shop, quick_config) -> None:
    shop.execute("DELETE FROM candidates.popular_items")
    assert write_trending_items(shop, quick_config) == 0
