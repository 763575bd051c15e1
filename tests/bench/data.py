"""The benches' inputs, made once from a fixed seed: table(folder) and matrix(folder)."""

from pathlib import Path

import numpy as np

ROWS = 5_600_000
CHUNK = 560_000
SHAPE = (500_000, 128)


def table(folder: Path) -> Path:
    """A 1 GB CSV: 5.6 million rows of 20 mixed columns, a key of about 200,000 values."""
    import polars as pl

    path = folder / "table.csv"
    if path.exists():
        return path
    rng = np.random.default_rng(42)
    labels = np.array([f"class_{i}" for i in range(10)])
    weights = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])
    countries = np.array("US CN DE FR JP BR IN GB ZA AU".split())
    devices = np.array("mobile desktop tablet tv iot".split())
    words = np.array("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon".split())
    partial = path.with_suffix(".partial")
    with partial.open("wb") as out:
        for first in range(0, ROWS, CHUNK):
            columns = {"id": np.arange(first, first + CHUNK)}
            columns["key"] = np.char.add("u", np.char.zfill((200_000 * rng.random(CHUNK) ** 2).astype(int).astype("U6"), 7))
            columns["label"] = labels[rng.choice(10, CHUNK, p=weights)]
            seconds = rng.integers(0, 86_400 * 365, CHUNK).astype("timedelta64[s]")
            columns["time"] = np.datetime_as_string(np.datetime64("2024-01-01T00:00:00") + seconds)
            columns["country"] = countries[rng.integers(0, 10, CHUNK)]
            columns["device"] = devices[rng.integers(0, 5, CHUNK)]
            for i in range(8):
                columns[f"f{i}"] = np.round(rng.normal(0, 10, CHUNK), 5)
            for i in range(4):
                columns[f"i{i}"] = rng.integers(0, 10 ** (i + 2), CHUNK)
            columns["flag"] = rng.random(CHUNK) < 0.2
            text = words[rng.integers(0, 20, (CHUNK, 6))]
            joined = text[:, 0]
            for j in range(1, 6):
                joined = np.char.add(np.char.add(joined, " "), text[:, j])
            columns["text"] = joined
            pl.DataFrame(columns).write_csv(out, include_header=first == 0)
    partial.rename(path)
    return path


def matrix(folder: Path) -> Path:
    """A 500,000 x 128 f32 matrix of 24 strong directions and noise, as .npy (256 MB)."""
    path = folder / "matrix.npy"
    if path.exists():
        return path
    rng = np.random.default_rng(42)
    rows, columns = SHAPE
    left = rng.standard_normal((rows, 24), dtype=np.float32) * np.linspace(10, 1, 24, dtype=np.float32)
    right = rng.standard_normal((24, columns), dtype=np.float32)
    data = (left @ right + rng.standard_normal((rows, columns), dtype=np.float32)).astype(np.float32)
    partial = folder / "matrix.partial.npy"
    np.save(partial, data)
    partial.rename(path)
    return path
