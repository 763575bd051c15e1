#!/usr/bin/env python3
"""Makes pca.json: what `pca` has to give, worked out a second time, in exact arithmetic as far as it goes.

Written from algorithms.md: means and products are exact fractions; the eigenvalues come from
bisection on the characteristic polynomial (Fractions again, by Faddeev-LeVerrier), the vectors from
inverse iteration in 50-digit decimals. Run it in this folder with any Python 3; it needs no package.
The module has to agree to the tolerances of algorithms.md, not bit by bit.
"""

import json
import random
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60


def decimal(value):
    return Decimal(value.numerator) / Decimal(value.denominator)


def covariance(rows, standardize):
    n, k = len(rows), len(rows[0])
    exact = [[Fraction(value) for value in row] for row in rows]
    mean = [sum(row[j] for row in exact) / n for j in range(k)]
    scatter = [[sum((r[i] - mean[i]) * (r[j] - mean[j]) for r in exact) for j in range(k)] for i in range(k)]
    scale = [decimal(scatter[j][j] / n).sqrt() if standardize and scatter[j][j] else Decimal(1) for j in range(k)]
    matrix = [[decimal(scatter[i][j] / (n - 1)) / (scale[i] * scale[j]) for j in range(k)] for i in range(k)]
    return mean, scale, matrix


def characteristic(matrix):
    """Coefficients of det(x I - A), highest first (Faddeev-LeVerrier)."""
    k = len(matrix)
    coefficients, power = [Decimal(1)], [[Decimal(0)] * k for _ in range(k)]
    for step in range(1, k + 1):
        power = [[sum(matrix[i][m] * power[m][j] for m in range(k)) + (coefficients[-1] if i == j else 0)
                  for j in range(k)] for i in range(k)]
        trace = sum(sum(matrix[i][m] * power[m][i] for m in range(k)) for i in range(k))
        coefficients.append(-trace / step)
    return coefficients


def evaluate(coefficients, x):
    total = Decimal(0)
    for coefficient in coefficients:
        total = total * x + coefficient
    return total


def roots(coefficients, bound):
    """All roots of a polynomial with simple real roots in [-1e-9, bound], by its derivative's."""
    degree = len(coefficients) - 1
    if degree == 1:
        return [-coefficients[1] / coefficients[0]]
    slope = [c * (degree - i) for i, c in enumerate(coefficients[:-1])]
    ends = [Decimal("-1e-9") * bound] + roots(slope, bound) + [bound]
    found = []
    for low, high in zip(ends, ends[1:]):
        rising = evaluate(coefficients, low) < 0
        for _ in range(180):
            middle = (low + high) / 2
            if (evaluate(coefficients, middle) < 0) == rising:
                low = middle
            else:
                high = middle
        found.append((low + high) / 2)
    return found


def solve(matrix, right):
    k = len(matrix)
    lines = [list(line) + [value] for line, value in zip(matrix, right)]
    for i in range(k):
        pivot = max(range(i, k), key=lambda j: abs(lines[j][i]))
        lines[i], lines[pivot] = lines[pivot], lines[i]
        for j in range(i + 1, k):
            factor = lines[j][i] / lines[i][i]
            lines[j] = [a - factor * b for a, b in zip(lines[j], lines[i])]
    solution = [Decimal(0)] * k
    for i in reversed(range(k)):
        solution[i] = (lines[i][k] - sum(lines[i][j] * solution[j] for j in range(i + 1, k))) / lines[i][i]
    return solution


def vector(matrix, value, bound):
    """Inverse iteration beside the eigenvalue; the first entry of largest magnitude is positive."""
    k = len(matrix)
    near = value + bound * Decimal("1e-25")
    shifted = [[matrix[i][j] - (near if i == j else 0) for j in range(k)] for i in range(k)]
    current = [Decimal(1) + Decimal(i) / 7 for i in range(k)]
    for _ in range(6):
        current = solve(shifted, current)
        length = sum(entry * entry for entry in current).sqrt()
        current = [entry / length for entry in current]
    largest = max(current, key=abs)
    return [entry * (1 if largest > 0 else -1) for entry in current]


def work(case):
    rows, parameters = case["rows"], case["parameters"]
    mean, scale, matrix = covariance(rows, parameters.get("standardize", False))
    bound = sum(matrix[i][i] for i in range(len(matrix))) * 2
    values = sorted(roots(characteristic(matrix), bound), reverse=True)
    count, n = parameters["n_components"], len(rows)
    kept = values[:count]
    vectors = [vector(matrix, value, bound) for value in kept]
    scores = []
    for row in rows:
        centered = [(decimal(Fraction(x)) - decimal(m)) / c for x, m, c in zip(row, mean, scale)]
        line = [sum(a * b for a, b in zip(centered, v)) for v in vectors]
        if parameters.get("whiten", False):
            line = [score / value.sqrt() for score, value in zip(line, kept)]
        scores.append([float(score) for score in line])
    dropped = values[count:]
    return {
        "mean_": [float(decimal(m)) for m in mean],
        "scale_": [float(c) for c in scale],
        "explained_variance_": [float(v) for v in kept],
        "explained_variance_ratio_": [float(v / sum(values)) for v in kept],
        "singular_values_": [float((v * (n - 1)).sqrt()) for v in kept],
        "components_": [[float(entry) for entry in v] for v in vectors],
        "noise_variance_": float(sum(dropped) / len(dropped)) if dropped else 0.0,
        "scores": scores,
    }


def main():
    chance = random.Random(11)

    def rows(count, spreads, center):
        # Turned so that no component is a column.
        k = len(spreads)
        lines = []
        for _ in range(count):
            free = [chance.gauss(0, spread) for spread in spreads]
            lines.append([round(center + sum(free[j] * (1 if i == j else 0.4 / (1 + i + j)) for j in range(k)), 6) for i in range(k)])
        return lines

    cases = [
        dict(parameters=dict(n_components=2), rows=rows(12, [3, 1, 0.3], 0)),
        dict(parameters=dict(n_components=3, standardize=True), rows=rows(25, [5, 2, 1, 0.5], 100)),
        dict(parameters=dict(n_components=2, whiten=True), rows=rows(30, [4, 2, 1, 0.5, 0.2], -7)),
        dict(parameters=dict(n_components=1, standardize=True, whiten=True), rows=rows(8, [1, 2], 1e6)),
    ]
    for case in cases:
        case["expected"] = work(case)
    with open("pca.json", "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
