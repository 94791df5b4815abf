"""Which features say the same kind of thing: the groups that an ablation leaves out."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from recsys_assets.errors import RecsysError

# group -> patterns of feature names; every feature belongs to exactly one group
FEATURE_GROUPS: dict[str, tuple[str, ...]] = {
    # how the candidate sources judge the pair, and how many agree
    "source scores": ("score_*", "value_*"),
    "source ranks": ("rank_*",),
    "fusion": ("fused_*", "n_sources*"),
    # the user, whatever the item
    "user activity": (
        "user_n_events",
        "user_n_items",
        "user_days_since_*",
        "user_events_*",
        "user_active_days",
        "user_repeat_share",
    ),
    "user ratings": ("user_n_liked", "user_n_disliked", "user_liked_share", "user_mean_rating_*", "user_rating_*"),
    "user taste": (
        "user_n_categories",
        "user_category_*",
        "user_top_*",
        "user_n_creators",
        "user_price_*",
        "user_mean_item_*",
    ),
    # the item, whatever the user
    "item popularity": (
        "item_n_events",
        "item_n_users",
        "item_decayed_events_*",
        "item_events_last_*",
        "item_trend_*",
        "item_popularity_*",
    ),
    "item opinions": (
        "item_liked_share",
        "item_disliked_share",
        "item_rating_*",
        "item_conversion",
        "item_return_share",
        "item_repeat_share",
    ),
    "item age": ("item_days_since_*",),
    "item price": ("item_price*",),
    "item description": ("item_n_categories", "item_n_creators"),
    "item audience": ("item_mean_user_*", "item_buyers_*"),
    # the two together
    "pair affinity": ("pair_*_affinity", "pair_price_*"),
    "pair history": ("pair_times_seen", "pair_days_since_seen"),
    "pair similarity": ("pair_similarity_*", "pair_n_similar_items"),
}


def group_features(names: Sequence[str]) -> dict[str, list[str]]:
    """Group -> its features, both in the table's order; groups that none of the names belongs to are left out.

    Raises:
        RecsysError: a feature belongs to no group, or to more than one.
    """
    members: dict[str, list[str]] = {}
    for name in names:
        groups = [
            group
            for group, patterns in FEATURE_GROUPS.items()
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        ]
        if len(groups) != 1:
            found = " and ".join(groups) or "none"
            raise RecsysError(f"Feature '{name}' must belong to one group of FEATURE_GROUPS, and belongs to {found}.")
        members.setdefault(groups[0], []).append(name)
    return {group: members[group] for group in FEATURE_GROUPS if group in members}
