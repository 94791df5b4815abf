"""Which users are worth looking at first."""

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.schema import FOR_YOU
from recsys_assets.serving.bundle import open_bundle
from recsys_assets.serving.history import users_by_activity

LEAST_EVENTS, MOST_EVENTS = 5, 30


def choose_users(config: Config, n: int) -> list[str]:
    """At most `n` users whose history a person can take in (5 to 30 events), those with the most varied reasons first.

    Where nobody has that many events, or the warehouse is busy, they come from all users. The same bundle and the same
    warehouse give the same users.

    Raises:
        RecsysError: nothing is published.
    """
    try:
        eligible = users_by_activity(config, LEAST_EVENTS, MOST_EVENTS)
    except RecsysError:  # a choice from all users is as good, and the history says why it is not shown
        eligible = []
    with open_bundle(config) as bundle:
        rows = bundle.rows(
            """SELECT user_id FROM recommendations
               WHERE surface = $surface AND (len($eligible) = 0 OR user_id IN (SELECT unnest($eligible)))
               GROUP BY user_id ORDER BY count(DISTINCT reason) DESC, user_id LIMIT $n""",
            {"surface": FOR_YOU, "eligible": eligible, "n": n},
        )
    return [row["user_id"] for row in rows]
