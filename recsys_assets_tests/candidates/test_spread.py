import numpy as np

from recsys_assets.candidates.spread import multiply


def test_a_row_s_product_does_not_depend_on_the_rows_beside_it() -> None:
    draws = np.random.default_rng(0)
    rows, matrix = (draws.standard_normal(shape).astype(np.float32) for shape in ((700, 64), (64, 83)))
    whole = multiply(rows, matrix)
    np.testing.assert_allclose(whole, rows @ matrix, rtol=1e-4, atol=1e-4)
    for first, n in ((0, 1), (5, 1), (3, 2), (7, 15), (11, 64), (1, 257)):
        np.testing.assert_array_equal(multiply(rows[first : first + n], matrix), whole[first : first + n])
