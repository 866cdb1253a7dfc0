"""How our evaluations compare with SciPy's, not from one starting point but from many close by.

A starting point moved by 1e-9 changes the count of a method by up to a half: one run says little.
From each of the problems in tests/core/optimizer/evaluations.cc (the seven on which the methods
were tuned, and others of Moré, Garbow & Hillstrom's), the same moved starting points are given to
both, on the same functions. Printed are the medians until no number of the gradient exceeds 1e-8,
their ratio, the share of our runs within 1.5 of SciPy's median, and the runs that did not come
there.

    bazel build //tests/core/optimizer:evaluations.so
    /tmp/scipy/bin/python evaluations_perturbed.py [CG | L-BFGS-B] [STARTS] [DISTANCE]

with the environment of evaluations_scipy.py.
"""

import ctypes
import math
import pathlib
import sys
import warnings

import numpy as np
from evaluations_scipy import METHODS
from scipy.optimize import minimize

LIBRARY = pathlib.Path(__file__).parents[2] / ".bazel-bin/tests/core/optimizer/evaluations.so"
TUNED = 7  # the first ones


class Problem:
    """One function, evaluated in the library."""

    def __init__(self, library: ctypes.CDLL, index: int):
        self._library, self._index = library, ctypes.c_int64(index)
        self.start = np.zeros(library.problem_dimension(self._index))
        library.problem_start(self._index, self._numbers(self.start))
        self.name = f"{library.problem_name(self._index).decode()} {self.start.size}"

    @staticmethod
    def _numbers(x: np.ndarray):
        return x.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        x, gradient = np.ascontiguousarray(x, float), np.empty(x.size)
        value = self._library.problem_value(self._index, self._numbers(x), self._numbers(gradient))
        return value, gradient

    def starts(self, count: int, distance: float) -> list[np.ndarray]:
        """Its own, and others at that distance relative to each number's size (1 for 0)."""
        draw = np.random.default_rng(7)
        scale = distance * np.where(self.start == 0, 1, np.abs(self.start))
        moved = [
            self.start + scale * draw.uniform(-1, 1, self.start.size) for _ in range(count - 1)
        ]
        return [self.start, *moved]

    def ours(self, method: str, start: np.ndarray) -> float:
        count = self._library.problem_evaluations(
            self._index, method.encode(), self._numbers(np.array(start))
        )
        return count if count >= 0 else math.inf

    def scipys(self, method: str, start: np.ndarray) -> float:
        found = minimize(self, start, jac=True, method=method, options=METHODS[method])
        return found.nfev if np.abs(found.jac).max() <= 1e-8 else math.inf


def load() -> list[Problem]:
    library = ctypes.CDLL(str(LIBRARY))
    library.problem_count.restype = ctypes.c_int64
    library.problem_name.restype = ctypes.c_char_p
    library.problem_dimension.restype = ctypes.c_int64
    library.problem_value.restype = ctypes.c_double
    library.problem_evaluations.restype = ctypes.c_int64
    return [Problem(library, i) for i in range(library.problem_count())]


def main():
    method = sys.argv[1] if len(sys.argv) > 1 else "CG"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    distance = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-9
    warnings.simplefilter("ignore")
    print(f"{method} from {count} starting points, moved by {distance:g}")
    print(f"{'':26}   SciPy's    ours   ratio  within 1.5   failed, SciPy's and ours")
    ratios = {}
    for index, problem in enumerate(load()):
        starts = problem.starts(count, distance)
        theirs = np.array([problem.scipys(method, x) for x in starts])
        ours = np.array([problem.ours(method, x) for x in starts])
        median, own = np.median(theirs), np.median(ours)
        share = np.mean(ours <= 1.5 * median)
        failed = f"{np.isinf(theirs).sum():3}, {np.isinf(ours).sum():3}"
        ratio = own / median if math.isfinite(median) else math.nan
        print(f"{problem.name:26} {median:9.0f} {own:7.0f} {ratio:7.2f} {share:11.0%} {failed:>12}")
        if ratio > 0 and math.isfinite(ratio):
            ratios.setdefault(index < TUNED, []).append(math.log(ratio))
    for tuned, logs in ratios.items():
        kind = "tuned on" if tuned else "others"
        print(f"geometric mean of the ratios, {kind}: {math.exp(np.mean(logs)):.2f}")


if __name__ == "__main__":
    main()
