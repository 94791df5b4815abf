"""Which fusion of the sources decides over whose candidates, at one cutoff."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.fusion import Fusion, Lesson, draw_lesson, learn_fusion
from recsys_assets.candidates.generate import Scorer, score_users, user_blocks
from recsys_assets.candidates.history import History, IntArray

TEACHERS = 500  # users of each half from whom the other half's fusion is learnt


def weigh_sources(
    seed: int,
    history: History,
    catalogue: Catalogue,
    scorers: Mapping[str, Scorer],
    earlier: Sequence[Lesson],
    relevant: sparse.csr_matrix,
) -> list[tuple[Fusion, IntArray]]:
    """Fusions, each with the users to serve whom it is for: one for all, from what earlier cutoffs taught.

    At the first cutoff with labels nothing is earlier. There one half of the users teaches the fusion of the other
    half, so that the ranker learns from the same kind of candidates as it ranks later.
    """
    everybody = history.users_to_serve
    if earlier or relevant.nnz == 0:
        return [(learn_fusion(earlier, scorers), everybody)]
    halves = everybody[::2], everybody[1::2]
    weighed = []
    for teachers, pupils in (halves, halves[::-1]):
        heard = np.sort(np.random.default_rng(seed).permutation(teachers)[:TEACHERS])
        lessons = [
            draw_lesson(
                seed,
                {name: score_users(history, catalogue, scorer, users) for name, scorer in scorers.items()},
                users,
                relevant,
                len(heard),
            )
            for users in user_blocks(history, heard)
        ]
        weighed.append((learn_fusion(lessons, scorers), pupils))
    return weighed
