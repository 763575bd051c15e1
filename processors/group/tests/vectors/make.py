#!/usr/bin/env python3
"""Makes group.json: the outputs that `group` has to make, worked out a second time.

Written from the rules at the head of the module's `names.rs`, not from its code. Long names, which
need BLAKE3, are left to the module's own tests. Run it in this folder with any Python 3. The file may
not change: a change of result is a new major version of the module.
"""

import json
import random
import string
from collections import Counter

PLAIN = set((string.ascii_letters + string.digits).encode())


def name_of(text, other):
    if text is None:
        return "%null"
    if text == "":
        return "%empty"

    def write(forced):
        parts = []
        for place, byte in enumerate(text.encode()):
            plain = byte in PLAIN or (byte in b"-_." and place > 0)
            parts.append(chr(byte) if plain and place >= forced else f"%{byte:02X}")
        return "".join(parts)

    name = write(0)
    reserved = name.lower() == "readme.md" or name.startswith("part-") or name == other
    return write(1) if reserved else name


def work(case):
    other, most = case["parameters"].get("other"), case["parameters"].get("maxOutputs", 256)
    rows = Counter(case["rows"])

    def order(text):
        # Most rows first; then shorter texts, then their bytes; a missing value last.
        return (-rows[text], text is None, len((text or "").encode()), (text or "").encode())

    named = {text: name_of(text, other) for text in sorted(rows, key=order)[:most]}
    outputs = sorted([*named.values(), *([other] if other else [])])
    return outputs, [outputs.index(named.get(text, other)) for text in case["rows"]]


def main():
    chance = random.Random(7)
    odd = ["Berlin", "New York", "a/b", "..", ".hidden", "_SUCCESS", "-rf", "50%", "straße", "", None, "README.md",
           "part-1", "other", "other ", "null", "%null", "tab\there", "x", "y", "z"]
    cases = [
        dict(parameters=dict(by="c"), rows=[chance.choice(odd) for _ in range(120)]),
        dict(parameters=dict(by="c", other="other"), rows=[chance.choice(odd) for _ in range(60)]),
        dict(parameters=dict(by="c", other="rest", maxOutputs=4), rows=[chance.choice(odd) for _ in range(90)]),
        dict(parameters=dict(by="c", maxOutputs=1), rows=["only"] * 3),
    ]
    for case in cases:
        case["outputs"], case["expected"] = work(case)
    with open("group.json", "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
