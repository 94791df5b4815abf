"""All lists of one source, as `write_candidates` puts them together."""

import polars as pl

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer, list_candidates, score_block, user_blocks
from recsys_assets.candidates.history import History

SCHEMA = {"cutoff": pl.String, "user_id": pl.String, "item_id": pl.String, "score": pl.Float32, "rank": pl.Int32}


def generate_candidates(history: History, catalogue: Catalogue, scorer: Scorer, per_source: int) -> pl.DataFrame:
    blocks = (
        list_candidates(history, users, score_block(history, catalogue, scorer, users, per_source))
        for users in user_blocks(history, history.users_to_serve)
    )
    return pl.concat([pl.DataFrame(schema=SCHEMA), *blocks])
