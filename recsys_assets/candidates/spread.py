"""Products of users' rows with a matrix of items, as dense scores: quick for many users, and for one."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.history import FloatArray, IntArray


def multiply(rows: FloatArray, matrix: NDArray[np.floating]) -> FloatArray:
    """`rows @ matrix`, float32: what a row gets does not depend on the rows beside it.

    BLAS adds up in an order that depends on how many rows there are and where a row stands. In single precision that
    was seen in the last bit of 97 of 100 scores on one processor and of none on another; in double precision it is gone
    before the result is rounded. Who multiplies often keeps the matrix in double precision.
    """
    return np.asarray(rows.astype(np.float64) @ matrix.astype(np.float64, copy=False), np.float32)


def spread(profiles: sparse.csr_matrix, users: IntArray, matrix: sparse.csr_matrix) -> FloatArray:
    """Some rows of `profiles` times `matrix`: len(users) x columns, float32."""
    if len(users) != 1:
        return np.asarray((profiles[users] @ matrix).toarray(), np.float32)
    columns, weights = row_of(profiles, int(users[0]))
    return spread_row(columns, weights, matrix).astype(np.float32)[None, :]


def spread_row(
    columns: NDArray[np.integer], weights: NDArray[np.floating], matrix: sparse.csr_matrix
) -> NDArray[np.float64]:
    """One sparse row times `matrix`: one value a column. For one row a general product is mostly overhead."""
    if len(columns) == 0:
        return np.zeros(matrix.shape[1])
    starts, ends = matrix.indptr[columns], matrix.indptr[np.asarray(columns) + 1]
    stretches = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    values = np.concatenate([matrix.data[stretch] for stretch in stretches]) * np.repeat(weights, ends - starts)
    places = np.concatenate([matrix.indices[stretch] for stretch in stretches])
    return np.asarray(np.bincount(places, weights=values, minlength=matrix.shape[1]), np.float64)


def take_rows(matrix: sparse.csr_matrix, rows: IntArray) -> sparse.csr_matrix:
    """Some rows; of the one row there is no copy, which would cost a user more than what is done with it."""
    return matrix if matrix.shape[0] == len(rows) == 1 else matrix[rows]


def row_of(matrix: sparse.csr_matrix, row: int) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Columns and values of one row."""
    stretch = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[stretch], matrix.data[stretch]


def entries_of(matrix: sparse.csr_matrix, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of some rows: where their entries lie in `data` and `indices`, and which of the given rows each belongs to."""
    starts = matrix.indptr[rows].astype(np.int64)
    lengths = matrix.indptr[np.asarray(rows) + 1] - starts
    of_row = np.repeat(np.arange(len(rows)), lengths)
    first = np.cumsum(lengths) - lengths
    return np.arange(len(of_row)) + (starts - first)[of_row], of_row


def links_between(
    matrix: sparse.csr_matrix, rows: NDArray[np.integer], columns: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The entries of some rows and columns, dense, and how many of each column there are; columns differ."""
    places, row = entries_of(matrix, rows)
    place_of = np.full(matrix.shape[1], -1)
    place_of[columns] = np.arange(len(columns))
    column = place_of[matrix.indices[places]]
    is_asked = column >= 0
    row, column = row[is_asked], column[is_asked]
    links = np.zeros((len(rows), len(columns)))
    links[row, column] = matrix.data[places[is_asked]]
    return links, np.bincount(column, minlength=len(columns))


def unit_rows(matrix: FloatArray) -> FloatArray:
    """Rows of length 1, but for rows of zeros; without the checks of sklearn's, which cost one user more than this."""
    length = np.sqrt((matrix * matrix).sum(axis=1, keepdims=True))
    return np.asarray(matrix / np.where(length > 0, length, 1), np.float32)
