#!/usr/bin/env python3
"""Makes exact.json, groups.json and hash.json: what `split` has to give, worked out a second time.

Written from algorithms.md, not from the Rust code: plain Python, exact fractions, a permutation that
is tabulated, and BLAKE3 written out after the paper's reference (checked below against the digests
of its official test vectors). Run it in this folder with any Python 3; it needs no package. The files
may not change: a change of result is a new major version of the module.
"""

import json
import random
from fractions import Fraction

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
M32 = 0xFFFFFFFF
M64 = (1 << 64) - 1


def rotate(word, bits):
    return (word >> bits | word << (32 - bits)) & M32


def compress(chaining, block, counter, length, flags):
    message = [int.from_bytes(block[i : i + 4], "little") for i in range(0, 64, 4)]
    v = chaining + IV[:4] + [counter & M32, counter >> 32, length, flags]
    for _ in range(7):
        quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
        for i, (a, b, c, d) in enumerate(quarters):
            for word, (r1, r2) in ((message[2 * i], (16, 12)), (message[2 * i + 1], (8, 7))):
                v[a] = (v[a] + v[b] + word) & M32
                v[d] = rotate(v[d] ^ v[a], r1)
                v[c] = (v[c] + v[d]) & M32
                v[b] = rotate(v[b] ^ v[c], r2)
        message = [message[p] for p in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ chaining[i] for i in range(8)]


def blake3(data, length=32):
    """One chunk (1,024 bytes) at most, which is all that a key here has."""
    assert len(data) <= 1024
    blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
    chaining = IV
    for i, block in enumerate(blocks):
        flags = (1 if i == 0 else 0) | (2 | 8 if i == len(blocks) - 1 else 0)
        padded = block + bytes(64 - len(block))
        if i < len(blocks) - 1:
            chaining = compress(chaining, padded, 0, 64, flags)[:8]
    out = b""
    while len(out) < length:
        words = compress(chaining, padded, len(out) // 64, len(block), flags)
        out += b"".join(word.to_bytes(4, "little") for word in words)
    return out[:length]


# From the official test_vectors.json: input bytes 0, 1, ..., 250, 0, 1, ...
sequence = bytes(i % 251 for i in range(1024))
assert blake3(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
assert blake3(sequence[:1]).hex() == "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
assert blake3(sequence).hex() == "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"


def part(text):
    """A part of a key: its length as four big-endian bytes, then its text; a missing one is ffffffff."""
    return b"\xff" * 4 if text is None else len(text.encode()).to_bytes(4, "big") + text.encode()


def mix(word):
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & M64
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & M64
    return word ^ word >> 33


def permutation(seed, stratum, n):
    """The whole table of π on range(n)."""
    if n == 1:
        return [0]
    stream = blake3(seed.to_bytes(8, "little") + stratum, 64)
    keys = [int.from_bytes(stream[i : i + 8], "little") for i in range(0, 64, 8)]
    half = 1
    while 1 << (2 * half) < n:
        half += 1

    def once(value):
        left, right = divmod(value, 1 << half)
        for key in keys:
            left, right = right, left ^ mix(right ^ key) % (1 << half)
        return left << half | right

    table = []
    for rank in range(n):
        place = once(rank)
        while place >= n:
            place = once(place)
        table.append(place)
    assert sorted(table) == list(range(n))
    return table


def shares(sizes, n):
    """Every output's share of all rows, in byte order of the names."""
    given = {}
    for name, size in sizes.items():
        if size != "rest":
            given[name] = Fraction(size[:-1]) / 100 if str(size).endswith("%") else Fraction(int(size), n)
    return [given.get(name, 1 - sum(given.values())) for name in sorted(sizes)]


def exact(case):
    rows, seed, sizes = case["rows"], case["seed"], case["parameters"]["sizes"]
    n, share = len(rows), shares(sizes, len(rows))
    keys = [b"".join(part(text) for text in row) for row in rows]
    given, seen, start, table = [0] * len(share), 0, {}, {}
    for key in sorted(set(keys)):
        count = keys.count(key)
        seen += count
        cells = [int(s * count) for s in share]
        given = [g + c for g, c in zip(given, cells)]
        open_ = [j for j in range(len(share)) if share[j] * count != cells[j]]
        open_.sort(key=lambda j: (-(share[j] * seen - given[j]), j))
        for j in open_[: count - sum(cells)]:
            cells[j] += 1
            given[j] += 1
        start[key] = [j for j, cell in enumerate(cells) for _ in range(cell)]
        table[key] = permutation(seed, key, count)
    assert all(abs(g - s * n) < 1 for g, s in zip(given, share)), "choose a case that needs no settling"
    ranks, expected = {}, []
    for key in keys:
        rank = ranks[key] = ranks.get(key, -1) + 1
        expected.append(start[key][table[key][rank]])
    return expected


def targets(share, count):
    cells = [int(s * count) for s in share]
    order = sorted(range(len(share)), key=lambda j: -(share[j] * count - cells[j]))
    for j in order[: count - sum(cells)]:
        cells[j] += 1
    return cells


def groups(case):
    """Rows are [group, stratum columns...]; the group may be missing: output 0xfffe."""
    rows, seed, sizes = case["rows"], case["seed"], case["parameters"]["sizes"]
    good = [row for row in rows if row[0] is not None]
    share = shares(sizes, len(good))
    strata = sorted({tuple(map(part, row[1:])) for row in good})
    want = {s: targets(share, sum(tuple(map(part, row[1:])) == s for row in good)) for s in strata}
    have = {s: [0] * len(share) for s in strata}
    values = sorted({row[0] for row in good})
    members = {value: [tuple(map(part, row[1:])) for row in good if row[0] == value] for value in values}
    values.sort(key=lambda v: (-(len(members[v]).bit_length() - 1), blake3(seed.to_bytes(8, "little") + v.encode())))
    where = {}
    for value in values:

        def distance(j):
            total = 0
            for s in strata:
                for k in range(len(share)):
                    total += (have[s][k] + (members[value].count(s) if k == j else 0) - want[s][k]) ** 2
            return total

        where[value] = min((j for j in range(len(share)) if share[j] > 0), key=lambda j: (distance(j), j))
        for s in members[value]:
            have[s][where[value]] += 1
    return [0xFFFE if row[0] is None else where[row[0]] for row in rows]


def by_hash(case):
    share, seed = shares(case["parameters"]["sizes"], 1), case["seed"]
    prefix = seed.to_bytes(8, "little") if seed else b""
    expected = []
    for (text,) in case["rows"]:
        digest = blake3(prefix + (b"\xff" if text is None else text.encode()), 8)
        point = Fraction(int.from_bytes(digest, "big"), 1 << 64)
        ends = [sum(share[: j + 1]) for j in range(len(share))]
        # An end is rounded down to a whole 2^-64.
        expected.append(next(j for j, end in enumerate(ends) if point < Fraction(int(end * 2**64), 2**64)))
    return expected


def main():
    chance = random.Random(20261123)

    def rows(count, *choices):
        return [[chance.choice(choice) for choice in choices] for _ in range(count)]

    labels = ["a", "b", "c", None, ""]
    thirds = {"train": "80%", "val": "10%", "test": "10%"}
    odd = {"a": "33.3%", "b": "33.3%", "c": "33.4%"}
    exact_cases = [
        dict(parameters=dict(sizes=thirds), seed=0, columns=[], rows=[[]] * 57),
        dict(parameters=dict(sizes=odd), seed=7, columns=[], rows=[[]] * 100),
        dict(parameters=dict(sizes={"test": 5, "train": "rest"}), seed=1, columns=[], rows=[[]] * 17),
        dict(parameters=dict(sizes={"only": "100%"}), seed=3, columns=[], rows=[[]] * 4),
        dict(parameters=dict(sizes={"x": "50%", "y": "50%"}), seed=M64, columns=[], rows=[[]]),
        dict(parameters=dict(sizes=thirds, stratify="label"), seed=42, columns=["label"], rows=rows(200, labels)),
        dict(parameters=dict(sizes=odd, stratify=["label", "site"]), seed=5, columns=["label", "site"],
             rows=rows(150, labels, ["x", "yy", "zzz"])),
        dict(parameters=dict(sizes={"a": 30, "b": 21, "rest": "rest"}, stratify="label"), seed=9, columns=["label"],
             rows=rows(90, labels)),
    ]
    patients = [f"p{i}" for i in range(12)] + [None]
    group_cases = [
        dict(parameters=dict(sizes=thirds, groups="patient"), seed=0, columns=["patient"], rows=rows(120, patients)),
        dict(parameters=dict(sizes=odd, groups="patient"), seed=11, columns=["patient"],
             rows=rows(80, [f"p{i * i % 30}" for i in range(40)])),
        dict(parameters=dict(sizes={"a": "60%", "none": "0%", "z": "40%"}, groups="patient", stratify="label"), seed=4,
             columns=["patient", "label"], rows=rows(140, patients, ["x", "y", None])),
        dict(parameters=dict(sizes={"one": "50%", "two": "50%"}, groups="patient"), seed=0, columns=["patient"],
             rows=[["same"]] * 5),
    ]
    names = [f"user-{i}" for i in range(60)] + [None, "", "x" * 63, "x" * 64, "x" * 65, "straße"]
    hash_cases = [
        dict(parameters=dict(sizes=thirds, hash="id"), seed=0, columns=["id"], rows=[[name] for name in names]),
        dict(parameters=dict(sizes=odd, hash="id"), seed=123456789, columns=["id"], rows=[[name] for name in names]),
        dict(parameters=dict(sizes={"a": "0%", "b": "100%", "c": "0%"}, hash="id"), seed=0, columns=["id"],
             rows=[[name] for name in names[:9]]),
    ]
    for name, work, cases in (("exact", exact, exact_cases), ("groups", groups, group_cases), ("hash", by_hash, hash_cases)):
        for case in cases:
            case["outputs"] = sorted(case["parameters"]["sizes"])
            case["expected"] = work(case)
        with open(f"{name}.json", "w", encoding="utf-8") as file:
            file.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
