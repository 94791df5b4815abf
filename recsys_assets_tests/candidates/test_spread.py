import numpy as np
from scipy import sparse

from recsys_assets.candidates.spread import in_double, multiply, spread, spread_row


def test_a_row_s_product_does_not_depend_on_the_rows_beside_it() -> None:
    draws = np.random.default_rng(0)
    rows, matrix = (draws.standard_normal(shape).astype(np.float32) for shape in ((700, 64), (64, 83)))
    whole = multiply(rows, matrix)
    np.testing.assert_allclose(whole, rows @ matrix, rtol=1e-4, atol=1e-4)
    for first, n in ((0, 1), (5, 1), (3, 2), (7, 15), (11, 64), (1, 257)):
        np.testing.assert_array_equal(multiply(rows[first : first + n], matrix), whole[first : first + n])


def test_a_matrix_held_in_double_precision_gives_the_same_bits() -> None:
    draws = np.random.default_rng(2)
    rows, factors = (draws.standard_normal(shape).astype(np.float32) for shape in ((3, 64), (4_500, 64)))
    held = in_double(factors.T)
    np.testing.assert_array_equal(held, factors.T)
    np.testing.assert_array_equal(multiply(rows, held), multiply(rows, factors.T))


def test_one_sparse_row_s_product_is_that_of_many_rows_to_the_bit() -> None:
    """It is made by a private module of scipy's: a version that changes it fails here."""
    draws = np.random.default_rng(1)
    profiles = sparse.random_array((40, 300), density=0.1, format="csr", dtype=np.float32, rng=draws)
    matrix = sparse.random_array((300, 90), density=0.2, format="csr", dtype=np.float32, rng=draws)
    together = spread(sparse.csr_matrix(profiles), np.arange(40, dtype=np.int32), sparse.csr_matrix(matrix))
    for user in range(40):
        alone = spread(sparse.csr_matrix(profiles), np.array([user], np.int32), sparse.csr_matrix(matrix))
        np.testing.assert_array_equal(alone[0], together[user])


def test_a_row_of_nothing_spreads_to_nothing() -> None:
    matrix = sparse.csr_matrix(np.eye(3, dtype=np.float64))
    np.testing.assert_array_equal(spread_row(np.empty(0, np.int64), np.empty(0), matrix), np.zeros(3))
    np.testing.assert_array_equal(spread_row(np.array([2, 0]), np.array([0.5, 2.0]), matrix), [2.0, 0, 0.5])
