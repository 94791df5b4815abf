"""A fitted source as a file: its arrays in one `model.npz`, which reading runs no code of."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.history import History

ARRAYS_FILE = "model.npz"
KIND = "kind"
CSR_PARTS = ("data", "indices", "indptr", "shape")


@dataclass(frozen=True)
class SavedSource:
    """A fitted source that is made of arrays, CSR matrices and numbers, and perhaps of the history it learnt from.

    A history is no part of the file: whoever loads a source has it already.
    """

    def save(self, folder: Path) -> None:
        """Write `model.npz` into `folder`."""
        arrays: dict[str, Any] = {KIND: type(self).__name__}
        for field in fields(self):
            value = getattr(self, field.name)
            if sparse.issparse(value):
                arrays |= {f"{field.name}.{part}": getattr(value, part) for part in CSR_PARTS}
            elif not isinstance(value, History):
                arrays[field.name] = value
        np.savez(folder / ARRAYS_FILE, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, arrays: dict[str, NDArray[Any]], history: History) -> Self:
        """The source again, from the arrays of `save`."""
        return cls(**{field.name: _read_field(arrays, field.name, history) for field in fields(cls)})


def _read_field(arrays: dict[str, NDArray[Any]], name: str, history: History) -> Any:
    if name in arrays:
        return arrays[name] if arrays[name].ndim else arrays[name].item()
    if f"{name}.data" in arrays:
        data, indices, indptr, shape = (arrays[f"{name}.{part}"] for part in CSR_PARTS)
        return sparse.csr_matrix((data, indices, indptr), shape=tuple(shape))
    return history
