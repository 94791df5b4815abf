"""PyTorch is an extra: who asks for a model that needs it is told how to get it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from recsys_assets.errors import RecsysError

if TYPE_CHECKING:
    import torch


def has_torch() -> bool:
    """Whether the extra `torch` is installed; says so without the seconds that importing it takes."""
    return all(find_spec(name) is not None for name in ("torch", "safetensors"))


def require_torch(setting: str) -> None:
    """Refuse to go on without the extra.

    Args:
        setting: what asks for it, for the sentence: "candidates.sources names sasrec".

    Raises:
        RecsysError: it is not installed.
    """
    if not has_torch():
        raise RecsysError(
            f"{setting}, which needs PyTorch: run `make setup-torch` (pip install 'recsys-assets[torch]')."
        )


@contextmanager
def seeded_torch(seed: int) -> Iterator["torch.Generator"]:
    """A generator for drawing, with weights and dropout decided by `seed` too inside the block.

    One thread, since sums that are split over threads differ in their last bits with how many there are; and whatever
    else uses PyTorch in this process finds its random state and threads as they were.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)
    finally:
        torch.set_num_threads(threads)
