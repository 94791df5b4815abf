"""LightGBM comes without what it can do without."""

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_process_that_scores_loads_neither_pandas_nor_scikit_learn() -> None:
    code = "import sys, recsys_assets.service.app; print({'lightgbm', 'pandas', 'sklearn'} & sys.modules.keys())"
    assert run(code) == "{'lightgbm'}\n"


def test_who_wants_them_gets_them_before_and_after() -> None:
    load_rankers = "from recsys_assets.ranking.boosting import lgb"
    use = "import numpy as np, sklearn.ensemble, pandas; print(pandas.DataFrame(np.ones((1, 2))).shape)"
    check = "import sys; print(sys.modules['pandas'].__name__, sys.modules['sklearn'].__name__)"
    assert (
        run(f"{load_rankers}; {use}; {check}") == run(f"{use}; {load_rankers}; {check}") == "(1, 2)\npandas sklearn\n"
    )
