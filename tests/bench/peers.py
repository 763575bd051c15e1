"""One peer, one task, one process: peers.py TOOL INPUT OUTPUT_FOLDER

Each is the fastest way that the tool's own documentation shows for the task.
"""

import sys

tool, source, out = sys.argv[1:4]
NAMES = ["train", "val", "test"]


def split_polars():
    import polars as pl

    share = pl.col("key").hash(7) % 10
    target = pl.when(share < 8).then(pl.lit("train")).when(share < 9).then(pl.lit("val")).otherwise(pl.lit("test"))
    frame = pl.scan_csv(source).with_columns(b=target)
    frame.sink_csv(pl.PartitionBy(out, key="b", include_key=False), engine="streaming", mkdir=True)


def split_duckdb():
    import duckdb

    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order=false")
    target = "case when hash(key)%10<8 then 'train' when hash(key)%10<9 then 'val' else 'test' end"
    query = f"select *, {target} as b from read_csv('{source}')"
    connection.execute(f"COPY ({query}) TO '{out}' (FORMAT csv, HEADER, PARTITION_BY (b), OVERWRITE_OR_IGNORE)")


def split_pandas():
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(source)
    share = pd.util.hash_pandas_object(frame["key"], index=False).to_numpy() % 10
    target = np.where(share < 8, 0, np.where(share < 9, 1, 2))
    for number, name in enumerate(NAMES):
        frame[target == number].to_csv(f"{out}/{name}.csv", index=False)


def pca_sklearn(solver):
    import numpy as np
    from sklearn.decomposition import PCA

    np.save(f"{out}/scores.npy", PCA(16, svd_solver=solver).fit_transform(np.load(source)))


def pca_numpy():
    import numpy as np

    x = np.load(source)
    mean = x.mean(0, dtype=np.float64)
    covariance = (x.T @ x).astype(np.float64) / len(x) - np.outer(mean, mean)
    _, vectors = np.linalg.eigh(covariance)
    weights = vectors[:, ::-1][:, :16].astype(x.dtype)
    np.save(f"{out}/scores.npy", x @ weights - (mean @ weights).astype(x.dtype))


def start_python():
    import pandas  # noqa: F401
    import sklearn.decomposition  # noqa: F401


{
    "polars": split_polars,
    "duckdb": split_duckdb,
    "pandas": split_pandas,
    "sklearn-cov": lambda: pca_sklearn("covariance_eigh"),
    "sklearn-auto": lambda: pca_sklearn("auto"),
    "numpy": pca_numpy,
    "python": start_python,
}[tool]()
