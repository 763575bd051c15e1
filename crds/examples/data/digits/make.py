"""Writes digits.csv from the copy of the dataset that scikit-learn's wheel carries.

    python -m pip download --no-deps --dest /tmp/wheel scikit-learn==1.7.2
    python make.py /tmp/wheel/scikit_learn-1.7.2-*.whl > digits.csv
"""

import gzip
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    text = gzip.decompress(wheel.read("sklearn/datasets/data/digits.csv.gz")).decode("ascii")

print(",".join([f"p{pixel:02}" for pixel in range(64)] + ["label"]))
for line in text.splitlines():
    print(line)
