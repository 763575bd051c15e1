"""Runs `millrace process pca` on matrices of every kind and compares with scikit-learn's full SVD.

usage: scikit_learn.py MILLRACE WORK_FOLDER DIGITS_CSV

Agreement is in max-norm relative to the array's largest entry: 1e-6 for f64, 1e-4 for f32, for
components and scores whose gap to the next eigenvalue is at least 1e-8 (f32: 1e-3) of the largest,
up to the numerical rank; signs only where the two largest entries differ by more than 1e-6.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

binary, work, digits_csv = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
rng = np.random.default_rng(42)


def low_rank(rows, columns, rank):
    scales = np.linspace(10, 1, rank)
    return (rng.standard_normal((rows, rank)) * scales) @ rng.standard_normal((rank, columns))


def cases():
    """name, matrix, number of components, parameters"""
    digits = np.loadtxt(digits_csv, delimiter=",", skiprows=1)[:, :64]
    random = low_rank(3000, 40, 40) + 5
    constant = random.copy()
    constant[:, [0, 7, 39]] = [3.0, 0.0, -1e6]
    yield "digits", digits, 16, {}
    yield "digits-f32", digits.astype(np.float32), 16, {}
    yield "digits-whiten", digits, 10, {"whiten": True}
    yield "random", random, 12, {}
    yield "random-f32", random.astype(np.float32), 12, {}
    yield "random-standardize", random, 12, {"standardize": True}
    yield "rank-deficient", low_rank(2000, 50, 9), 20, {}
    yield "constant-columns", constant, 10, {}
    yield "constant-columns-standardize", constant, 10, {"standardize": True}
    yield "wide", low_rank(30, 200, 25), 20, {}


def fit(name, matrix, components, parameters):
    """Millrace's model and scores."""
    folder = work / name
    folder.mkdir()
    np.save(folder / "x.npy", matrix)
    command = [binary, "process", "pca", "--input", "x.npy", "--output", "out", "--model", "model", "--partition-bytes", "65536"]
    command += ["-p", f"n_components={components}"]
    for key, value in parameters.items():
        command += ["-p", f"{key}={str(value).lower()}"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, f"{name}: {run.stdout}\n{run.stderr}"
    model = {path.stem: np.load(path) for path in (folder / "model").glob("*.npy")}
    model |= json.loads((folder / "model" / "model.json").read_text())
    parts = sorted((folder / "out" / "data").glob("part-*.npy"))
    assert len(parts) >= 1
    return model, np.concatenate([np.load(part) for part in parts])


def far(ours, theirs):
    """Largest difference relative to the largest entry."""
    scale = np.abs(theirs).max()
    return np.abs(ours - theirs).max() / (scale if scale > 0 else 1.0)


def compare(name, matrix, components, parameters):
    single = matrix.dtype == np.float32
    tolerance, gap_limit = (1e-4, 1e-3) if single else (1e-6, 1e-8)
    model, scores = fit(name, matrix, components, parameters)
    x = matrix.astype(np.float64)
    if parameters.get("standardize"):
        x = StandardScaler().fit_transform(x)
    reference = PCA(components, svd_solver="full", whiten=parameters.get("whiten", False)).fit(x)
    spectrum = PCA(svd_solver="full").fit(x).explained_variance_
    wanted_scores = reference.transform(x)

    problems = []

    def check(what, ours, theirs, limit=tolerance):
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        if ours.shape != theirs.shape:
            problems.append(f"{what}: shape {ours.shape}, not {theirs.shape}")
        elif not far(ours, theirs) <= limit:
            problems.append(f"{what}: off by {far(ours, theirs):.3g}")

    check("n_components_", [model["n_components_"]], [components])
    check("explained_variance_", model["explained_variance_"], reference.explained_variance_)
    check("explained_variance_ratio_", model["explained_variance_ratio_"], reference.explained_variance_ratio_)
    largest = reference.singular_values_.max()
    rank = int((spectrum > spectrum[0] * (1e-6 if single else 1e-13)).sum())
    check("singular_values_", model["singular_values_"][:rank], reference.singular_values_[: min(rank, components)])
    if not parameters.get("standardize"):
        check("mean_", model["mean_"], reference.mean_)
    if not single and rank > components:
        check("noise_variance_", [model["noise_variance_"]], [reference.noise_variance_])

    compared = 0
    for i in range(min(components, rank)):
        below = spectrum[i + 1] if i + 1 < len(spectrum) else 0.0
        above = spectrum[i - 1] if i > 0 else np.inf
        if min(spectrum[i] - below, above - spectrum[i]) < gap_limit * spectrum[0]:
            continue
        ours, theirs = model["components_"][i], reference.components_[i]
        two = np.sort(np.abs(theirs))[-2:]
        # Where the largest entries tie, either sign is right: turn ours to theirs.
        sign = 1.0 if two[1] - two[0] > 1e-6 else np.sign(ours @ theirs)
        check(f"components_[{i}]", sign * ours, theirs)
        check(f"scores[:, {i}]", sign * scores[:, i], wanted_scores[:, i])
        compared += 1
    if compared < min(components, rank) // 2:
        problems.append(f"only {compared} components could be compared")
    assert largest > 0
    assert not problems, f"{name}: " + "; ".join(problems)
    print(f"{name}: {compared} components")


done = 0
failures = []
for case in cases():
    try:
        compare(*case)
        done += 1
    except AssertionError as error:
        failures.append(str(error))
if failures:
    sys.exit("\n".join(failures))
print(f"{done} cases agree with scikit-learn", os.environ.get("VIRTUAL_ENV", ""))
