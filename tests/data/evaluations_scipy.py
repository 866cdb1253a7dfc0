"""How many evaluations SciPy needs until no number of the gradient exceeds 1e-8.

Writes lines `function dimension method evaluations` of SciPy's L-BFGS-B (10 pairs) and CG, from the
starting points of core/functions. An evaluation is one of value and gradient together.

    python -m venv /tmp/scipy && /tmp/scipy/bin/pip install scipy==1.17.1
    /tmp/scipy/bin/python evaluations_scipy.py > evaluations_scipy.txt
"""

import numpy as np
import scipy
from scipy.optimize import minimize, rosen, rosen_der


def rosenbrock(x):
    return rosen(x), rosen_der(x)


def beale(p):
    x, y = p
    a, b, c = 1.5 - x * (1 - y), 2.25 - x * (1 - y**2), 2.625 - x * (1 - y**3)
    gradient = [
        -2 * (a * (1 - y) + b * (1 - y**2) + c * (1 - y**3)),
        2 * x * (a + 2 * b * y + 3 * c * y**2),
    ]
    return a * a + b * b + c * c, np.array(gradient)


def himmelblau(p):
    x, y = p
    a, b = x**2 + y - 11, x + y**2 - 7
    return a * a + b * b, np.array([4 * a * x + 2 * b, 2 * a + 4 * b * y])


def powell_singular(x):
    a, b, c, d = x[0] + 10 * x[1], x[2] - x[3], x[1] - 2 * x[2], x[0] - x[3]
    gradient = [
        2 * a + 40 * d**3,
        20 * a + 4 * c**3,
        10 * b - 8 * c**3,
        -10 * b - 40 * d**3,
    ]
    return a * a + 5 * b * b + c**4 + 10 * d**4, np.array(gradient)


def wood(x):
    a, b, c, d = x[1] - x[0] ** 2, 1 - x[0], x[3] - x[2] ** 2, 1 - x[2]
    s, e = x[1] + x[3] - 2, x[1] - x[3]
    value = 100 * a * a + b * b + 90 * c * c + d * d + 10 * s * s + e * e / 10
    gradient = [
        -400 * a * x[0] - 2 * b,
        200 * a + 20 * s + e / 5,
        -360 * c * x[2] - 2 * d,
        180 * c + 20 * s - e / 5,
    ]
    return value, np.array(gradient)


def helical_valley(x):
    r = np.hypot(x[0], x[1])
    angle = np.arctan2(x[1], x[0]) / (2 * np.pi)
    if angle < -0.25:
        angle += 1
    a, b = x[2] - 10 * angle, r - 1
    per_angle = -2000 * a / (2 * np.pi * r * r)
    gradient = [
        -per_angle * x[1] + 200 * b * x[0] / r,
        per_angle * x[0] + 200 * b * x[1] / r,
        200 * a + 2 * x[2],
    ]
    return 100 * (a * a + b * b) + x[2] ** 2, np.array(gradient)


PROBLEMS = [
    (rosenbrock, [-1.2, 1]),
    (rosenbrock, [-1.2, 1] * 50),
    (beale, [1, 1]),
    (himmelblau, [2, 2]),
    (powell_singular, [3, -1, 0, 1]),
    (wood, [-3, -1, -3, -1]),
    (helical_valley, [-1, 0, 0]),
]
METHODS = {
    "L-BFGS-B": {"maxcor": 10, "ftol": 0, "gtol": 1e-8, "maxiter": 10000, "maxfun": 100000},
    "CG": {"gtol": 1e-8, "maxiter": 10000},
}


def main():
    print(f"# SciPy {scipy.__version__}")
    for function, start in PROBLEMS:
        for method, options in METHODS.items():
            found = minimize(
                function, np.array(start, float), jac=True, method=method, options=options
            )
            assert np.abs(found.jac).max() <= 1e-8, (function, method, found)
            print(function.__name__, len(start), method, found.nfev)


if __name__ == "__main__":
    main()
