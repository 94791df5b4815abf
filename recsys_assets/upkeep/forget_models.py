"""Fitted models without their entries of forgotten users; what they learnt from them goes with the next build."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from recsys_assets.candidates.saved import ARRAYS_FILE
from recsys_assets.files import replace_file
from recsys_assets.rating.baselines import DESCRIPTION_FILE
from recsys_assets.sources.forgotten import Forgotten

WEIGHTS_FILE: Final = "weights.safetensors"
# tensors of the rating network with a row for each user, after a first one for those it does not know
USER_TENSORS: Final = ("users.weight", "user_bias.weight")
KNOWN_FROM: Final = 1


def find_in_models(folder: Path, forgotten: Forgotten) -> dict[Path, int]:
    """Files under `folder` -> how many forgotten users they have an entry for; those with none are left out."""
    found = {path: len(_read_positions(path, forgotten)) for path in sorted(folder.rglob("*")) if path.is_file()}
    return {path: n_users for path, n_users in found.items() if n_users}


def erase_from_models(folder: Path, forgotten: Forgotten) -> None:
    """Take the entries of forgotten users out of every file under `folder`; each is replaced in one step."""
    for path in find_in_models(folder, forgotten):
        positions = _read_positions(path, forgotten)
        _KINDS[path.name if path.name in _KINDS else path.suffix][1](path, positions)


def _read_positions(path: Path, forgotten: Forgotten) -> list[int]:
    kind = _KINDS.get(path.name) or _KINDS.get(path.suffix)
    return (
        [place for place, user_id in enumerate(kind[0](path)) if user_id and forgotten.holds(user_id)] if kind else []
    )


def _array_users(path: Path) -> list[str]:
    with np.load(path) as arrays:
        return [str(user_id) for user_id in arrays["user_ids"]] if "user_ids" in arrays else []


def _erase_from_arrays(path: Path, positions: list[int]) -> None:
    """Every array whose name begins with `user_` has a row a user."""
    with np.load(path) as arrays:
        kept = {
            name: np.delete(array, positions, axis=0) if name.startswith("user_") else array
            for name, array in arrays.items()
        }
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **kept)
    replace_file(path, content.getvalue())


def _frame_users(path: Path) -> list[str]:
    return pl.read_parquet(path)["user_id"].to_list() if "user_id" in pl.read_parquet_schema(path) else []


def _erase_from_frame(path: Path, positions: list[int]) -> None:
    content = io.BytesIO()
    frame = pl.read_parquet(path).with_row_index("position")
    frame.filter(~pl.col("position").is_in(positions)).drop("position").write_parquet(content)
    replace_file(path, content.getvalue())


def _network_users(path: Path) -> list[str]:
    users: list[str] = json.loads(path.read_text("utf-8")).get("users", [])
    return users


def _erase_from_network(path: Path, positions: list[int]) -> None:
    """The place stays, so that nobody else's moves: without a name, and with zeros, as for whom it does not know.

    Source of the format: https://huggingface.co/docs/safetensors (a length, a header in JSON, the tensors' bytes).
    """
    weights = path.with_name(WEIGHTS_FILE)
    content = bytearray(weights.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for name in USER_TENSORS:
        begin, end = header[name]["data_offsets"]
        row = (end - begin) // header[name]["shape"][0]
        for position in positions:
            first = start + begin + (position + KNOWN_FROM) * row
            content[first : first + row] = bytes(row)
    replace_file(weights, bytes(content))
    described = json.loads(path.read_text("utf-8"))
    users = [None if place in set(positions) else user_id for place, user_id in enumerate(described["users"])]
    replace_file(path, json.dumps(described | {"users": users}).encode())


# name or ending of a file -> how to read its users in their order, and how to erase those at some positions
_KINDS: Final[dict[str, tuple[Callable[[Path], list[str]], Callable[[Path, list[int]], None]]]] = {
    ARRAYS_FILE: (_array_users, _erase_from_arrays),
    DESCRIPTION_FILE: (_network_users, _erase_from_network),
    ".parquet": (_frame_users, _erase_from_frame),
}
