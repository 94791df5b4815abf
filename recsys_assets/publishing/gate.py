"""The gate: what must hold before the lists in the warehouse may replace the published ones."""

from dataclasses import dataclass

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.ranking.surfaces import Method
from recsys_assets.schema import FOR_YOU, LIVE_CUTOFF


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        method: what the lists are made with.
        passed: whether they may be published.
        decision: one sentence: the choice and its margin, then every fault.
        faults: one sentence each; empty if passed.
    """

    method: str
    passed: bool
    decision: str
    faults: tuple[str, ...]


def read_method(connection: duckdb.DuckDBPyConnection) -> Method:
    """The method that validation chose, and the fallback.

    Raises:
        RecsysError: nothing was chosen yet.
    """
    try:
        ((method, fallback),) = connection.execute("SELECT method, fallback FROM evaluation.method_choice").fetchall()
    except duckdb.CatalogException:
        raise RecsysError("No method was chosen yet: run `recsys build` once, before `recsys refresh`.") from None
    return Method(name=method, fallback=fallback)


def judge(connection: duckdb.DuckDBPyConnection, config: Config) -> Verdict:
    """Judge `publishing.recommendations` and the choice behind it."""
    method = read_method(connection).name
    ((reason, runner_up, margin, margin_high),) = connection.execute(
        "SELECT reason, runner_up, margin, margin_high FROM evaluation.method_choice"
    ).fetchall()
    faults = [fault for fault in (_worse(runner_up, margin, margin_high, method), *_broken_lists(connection)) if fault]
    return Verdict(method, not faults, " ".join([reason, *faults]), tuple(faults))


def _worse(runner_up: str | None, margin: float | None, margin_high: float | None, method: str) -> str | None:
    if margin is None or margin_high is None or margin_high >= 0:
        return None
    return f"{method} is worse than {runner_up} on validation by {-margin:.4f} NDCG@10."


def _broken_lists(connection: duckdb.DuckDBPyConnection) -> list[str]:
    faults = []
    for fault, query in {
        "{} known users have no list although there are items for them.": f"""
            SELECT count(*) FROM (
                SELECT user_id FROM intermediate.int_user_cutoffs WHERE cutoff = '{LIVE_CUTOFF}'
                UNION SELECT user_id FROM staging.stg_raw__users
            ) AS users
            LEFT JOIN (
                SELECT user_id, count(*) AS n_consumed FROM intermediate.int_user_items
                WHERE cutoff = '{LIVE_CUTOFF}' AND is_consumed GROUP BY user_id
            ) AS consumed USING (user_id)
            ANTI JOIN (
                SELECT user_id FROM publishing.recommendations WHERE surface = '{FOR_YOU}'
            ) AS listed USING (user_id)
            WHERE coalesce(n_consumed, 0) < (
                SELECT count(*) FROM features.item_features AS features
                LEFT JOIN staging.stg_raw__items AS items USING (item_id)
                WHERE features.cutoff = '{LIVE_CUTOFF}' AND coalesce(items.available, true))""",
        "{} listed items were consumed already.": f"""
            SELECT count(*) FROM publishing.recommendations SEMI JOIN (
                SELECT user_id, item_id FROM intermediate.int_user_items
                WHERE cutoff = '{LIVE_CUTOFF}' AND is_consumed
            ) USING (user_id, item_id)""",
        "{} listed items are unavailable.": """
            SELECT count(*) FROM publishing.recommendations SEMI JOIN (
                SELECT item_id FROM staging.stg_raw__items WHERE NOT available
            ) USING (item_id)""",
        "{} ranks are taken twice in one list.": """
            SELECT count(*) FROM (
                SELECT user_id, surface, rank FROM publishing.recommendations GROUP BY ALL HAVING count(*) > 1)""",
    }.items():
        ((count,),) = connection.execute(query).fetchall()
        if count:
            faults.append(fault.format(count))
    return faults
