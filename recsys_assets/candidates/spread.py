"""Products of users' rows with a matrix of items, as dense scores: quick for many users, and for one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse._sparsetools import csc_matvec, csr_row_index

from recsys_assets.candidates.history import FloatArray, IntArray


def multiply(rows: FloatArray, matrix: NDArray[np.floating]) -> FloatArray:
    """`rows @ matrix`, float32: what a row gets does not depend on the rows beside it.

    BLAS adds up in an order that depends on how many rows there are and where a row stands. In single precision that
    was seen in the last bit of 97 of 100 scores on one processor and of none on another; in double precision it is gone
    before the result is rounded. Who multiplies often keeps the matrix as `in_double` makes it.
    """
    return np.asarray(rows.astype(np.float64) @ matrix.astype(np.float64, copy=False), np.float32)


def in_double(matrix: FloatArray) -> NDArray[np.float64]:
    """A copy in double precision for `multiply`, row after row: for one user BLAS reads it the quicker so."""
    return np.ascontiguousarray(matrix, np.float64)


def spread(profiles: sparse.csr_matrix, users: IntArray, matrix: sparse.csr_matrix) -> FloatArray:
    """Some rows of `profiles` times `matrix`: len(users) x columns, float32."""
    if len(users) != 1:
        return np.asarray((profiles[users] @ matrix).toarray(), np.float32)
    columns, weights = row_of(profiles, int(users[0]))
    return spread_row(columns, weights, matrix).astype(np.float32, copy=False)[None, :]


def spread_row(
    columns: NDArray[np.integer], weights: NDArray[np.floating], matrix: sparse.csr_matrix
) -> NDArray[np.floating]:
    """One sparse row times `matrix`, to the bit, in the matrix's type: one value a column.

    By what scipy's own product calls (its module is private, the test of this function watches it): for one row the
    checks around it take four times as long as the product.
    """
    entries = entries_of(matrix, columns)
    product = np.zeros(matrix.shape[1], matrix.dtype)
    csc_matvec(
        matrix.shape[1],
        len(columns),
        entries.ends,
        entries.columns,
        entries.values,
        np.asarray(weights, matrix.dtype),
        product,
    )
    return product


def take_rows(matrix: sparse.csr_matrix, rows: IntArray) -> sparse.csr_matrix:
    """Some rows; of the one row there is no copy, which would cost a user more than what is done with it."""
    return matrix if matrix.shape[0] == len(rows) == 1 else matrix[rows]


def row_of(matrix: sparse.csr_matrix, row: int) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Columns and values of one row."""
    stretch = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[stretch], matrix.data[stretch]


class Entries(NamedTuple):
    """What some rows of a matrix hold, row after row.

    Attributes:
        columns: of each entry.
        values: likewise.
        ends: where each row begins, and the last ends.
    """

    columns: IntArray
    values: NDArray[np.floating]
    ends: IntArray

    @property
    def row(self) -> NDArray[np.int64]:
        """Which of the rows each entry belongs to."""
        return np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))


def entries_of(matrix: sparse.csr_matrix, rows: NDArray[np.integer]) -> Entries:
    """The entries of some rows."""
    rows = np.asarray(rows, matrix.indptr.dtype)
    ends = np.zeros(len(rows) + 1, matrix.indptr.dtype)
    np.cumsum(matrix.indptr[rows + 1] - matrix.indptr[rows], out=ends[1:])
    columns, values = np.empty(ends[-1], matrix.indices.dtype), np.empty(ends[-1], matrix.dtype)
    csr_row_index(len(rows), rows, matrix.indptr, matrix.indices, matrix.data, columns, values)
    return Entries(columns, values, ends)


def links_between(
    matrix: sparse.csr_matrix, rows: NDArray[np.integer], columns: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The entries of some rows and columns, dense, and how many of each column there are; columns differ."""
    entries = entries_of(matrix, rows)
    place_of = np.full(matrix.shape[1], -1)
    place_of[columns] = np.arange(len(columns))
    column = place_of[entries.columns]
    is_asked = column >= 0
    row, column = entries.row[is_asked], column[is_asked]
    links = np.zeros((len(rows), len(columns)))
    links[row, column] = entries.values[is_asked]
    return links, np.bincount(column, minlength=len(columns))


def unit_rows(matrix: FloatArray) -> FloatArray:
    """Rows of length 1, but for rows of zeros; without the checks of sklearn's, which cost one user more than this."""
    length = np.sqrt((matrix * matrix).sum(axis=1, keepdims=True))
    return np.asarray(matrix / np.where(length > 0, length, 1), np.float32)
