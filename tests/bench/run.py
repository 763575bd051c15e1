"""Alternating runs of Millrace and its peers; medians, ratios and memory as JSON and Markdown.

usage: run.py [P1 P2 P3 P6 P9 …]   (all unless named)
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import data

FOLDER = Path(os.environ["BENCH_DIR"])
BINARY = os.environ["MILLRACE_BIN"]
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
HERE = Path(__file__).parent
HOME = FOLDER / "home"
ENVIRONMENT = os.environ | {"XDG_DATA_HOME": str(HOME), "NO_COLOR": "1"}
results = {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "runs": RUNS, "benches": {}}


def peer(tool, source):
    return lambda out: [sys.executable, str(HERE / "peers.py"), tool, str(source), str(out)]


def millrace(module, source, *parameters):
    def command(out):
        arguments = [BINARY, "process", module, "--input", str(source), "--output", str(out / "out")]
        return arguments + [word for parameter in parameters for word in ("-p", parameter)]

    return command


def run_once(command):
    """Seconds of one whole process, in a fresh folder."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as out:
        line = command(Path(out))
        started = time.perf_counter()
        done = subprocess.run(line, env=ENVIRONMENT, cwd=out, capture_output=True, text=True)
        took = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return took


def alternate(name, promise, commands):
    """Every command once per round, so that a slow minute of the machine hits all of them."""
    times = {tool: [] for tool in commands}
    failed = {}
    for tool, command in commands.items():  # page cache and compiled modules
        try:
            run_once(command)
        except (RuntimeError, OSError) as error:
            failed[tool] = str(error)
    for _ in range(RUNS):
        for tool, command in commands.items():
            if tool not in failed:
                times[tool].append(run_once(command))
    medians = {tool: statistics.median(values) for tool, values in times.items() if values}
    ours = medians.get("millrace")
    ratios = {tool: value / ours for tool, value in medians.items() if ours and tool != "millrace"}
    results["benches"][name] = {"promise": promise, "seconds": times, "median": medians, "ratio": ratios, "not measured": failed}
    print(f"{name}: " + ", ".join(f"{tool} {value:.3f} s" for tool, value in medians.items()), flush=True)
    for tool, why in failed.items():
        print(f"{name}: {tool} not measured: {why}", flush=True)


CHAIN_STEP = """---
apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {{name: step-{number}}}
spec:
  datasets: [{{name: work, path: /work}}]
{after}
  processor:
    wasm: {{module: split, input: /work/data.csv, output: /work/out-{number}, parameters: {{sizes: {{a: "50%", b: "50%"}}, hash: id}}}}
"""


def chain(steps):
    """`millrace run` of so many steps, each after the one before, over a file of 100 rows."""

    def command(out):
        (out / "data.csv").write_text("id\n" + "".join(f"{row}\n" for row in range(100)))
        text = "apiVersion: fluid.io/v1alpha1\nkind: Dataset\nmetadata: {name: work}\n"
        text += f'spec: {{mounts: [{{mountPoint: "local://{out}"}}], accessModes: [ReadWriteMany]}}\n'
        for number in range(steps):
            after = f"  runAfter: {{operationType: DataProcessing, name: step-{number - 1}}}" if number else ""
            text += CHAIN_STEP.format(number=number, after=after)
        (out / "chain.yaml").write_text(text)
        return [BINARY, "run", str(out / "chain.yaml")]

    return command


def p1():
    one, nine = [], []
    run_once(chain(1))
    for _ in range(RUNS):
        one.append(run_once(chain(1)))
        nine.append(run_once(chain(9)))
    step = (statistics.median(nine) - statistics.median(one)) / 8
    results["benches"]["P1 a further Wasm step in a local chain"] = {
        "promise": "≤ 50 ms control time per step; a chain of four Wasm steps ≤ 1 s",
        "seconds": {"chain of 1": one, "chain of 9": nine},
        "median": {"per further step (control, runner start, work, publication)": step, "chain of 1": statistics.median(one)},
    }
    print(f"P1: {step * 1000:.1f} ms per further step, chain of one {statistics.median(one):.3f} s", flush=True)
    alternate("P1 chain of four Wasm steps, whole process", "≤ 1 s", {"millrace": chain(4)})


def p2():
    commands = {"millrace": chain(1), "python + pandas + scikit-learn": peer("python", "-")}
    alternate("P2 start: a whole `millrace run` of one step against starting Python", "≥ 150x for the step alone", commands)


def p3():
    source = data.table(FOLDER)
    sizes = ["sizes.train=80%", "sizes.val=10%", "sizes.test=10%", "hash=key"]
    commands = {
        "millrace": millrace("split", source, *sizes),
        "cp": lambda out: ["cp", str(source), str(out / "copy.csv")],
        "polars": peer("polars", source),
        "duckdb": peer("duckdb", source),
    }
    if "--pandas" in sys.argv:
        commands["pandas"] = peer("pandas", source)
    alternate("P3 split of a 1 GB CSV by key hash", "≥ 10x polars, ≥ 20x duckdb, ≥ 100x pandas, ≤ 1.5x cp", commands)


def p6():
    source = data.matrix(FOLDER)
    commands = {
        "millrace": millrace("pca", source, "n_components=16"),
        "scikit-learn (covariance_eigh)": peer("sklearn-cov", source),
        "scikit-learn (auto)": peer("sklearn-auto", source),
        "numpy": peer("numpy", source),
    }
    alternate("P6 PCA of 500,000 x 128 f32 to 16", "≥ 10x scikit-learn's best, ≥ 2.5x numpy", commands)


def anonymous_peak(line, cwd):
    """Highest sum of anonymous memory of a process and all below it, in MiB, sampled every 5 ms."""
    process = subprocess.Popen(line, env=ENVIRONMENT, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = {"run": 0, "runner": 0}
    done = threading.Event()

    def tree(pid):
        yield pid
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text().split():
                yield from tree(int(child))

    def anonymous(pid):
        for text in Path(f"/proc/{pid}/status").read_text().splitlines():
            if text.startswith("RssAnon"):
                return int(text.split()[1]) / 1024
        return 0

    def sample():
        while not done.is_set():
            try:
                values = {pid: anonymous(pid) for pid in tree(process.pid)}
                peak["run"] = max(peak["run"], sum(values.values()))
                below = [value for pid, value in values.items() if pid != process.pid]
                peak["runner"] = max([peak["runner"], *below])
            except (FileNotFoundError, ProcessLookupError):
                pass
            time.sleep(0.005)

    thread = threading.Thread(target=sample)
    thread.start()
    code = process.wait()
    done.set()
    thread.join()
    assert code == 0, line
    return peak


def p9():
    source = data.table(FOLDER)
    sizes = ["sizes.train=80%", "sizes.val=10%", "sizes.test=10%"]
    peaks = {}
    for name, extra in {"hash": ["hash=key"], "stratified": ["stratify=label"]}.items():
        with tempfile.TemporaryDirectory(dir=FOLDER) as out:
            peaks[name] = anonymous_peak(millrace("split", source, *sizes, *extra)(Path(out)), out)
    results["benches"]["P9 anonymous memory of a 1 GB split, MiB"] = {"promise": "module limit + 2 batches per thread …", "peak": peaks}
    print("P9: " + ", ".join(f"{name}: runner {p['runner']:.0f} MiB, all processes {p['run']:.0f} MiB" for name, p in peaks.items()), flush=True)


def report():
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1))
    lines = [f"Machine: {results['machine']}; medians of {RUNS} alternating runs.", ""]
    for name, bench in results["benches"].items():
        lines += [f"### {name}", f"Promise: {bench['promise']}", "", "| tool | median | against millrace |", "|---|---|---|"]
        for tool, value in bench.get("median", {}).items():
            ratio = bench.get("ratio", {}).get(tool)
            lines.append(f"| {tool} | {value:.3f} s | {f'{ratio:.2f}x' if ratio else ''} |")
        lines += [f"| {tool} | not measured | |" for tool in bench.get("not measured", {})]
        lines += [f"| {name} | runner {peak['runner']:.0f} MiB | all {peak['run']:.0f} MiB |" for name, peak in bench.get("peak", {}).items()]
        lines.append("")
    (FOLDER / "results.md").write_text("\n".join(lines))
    print("\n".join(lines))


BENCHES = {"P1": p1, "P2": p2, "P3": p3, "P6": p6, "P9": p9}
wanted = [word for word in sys.argv[1:] if not word.startswith("--")] or list(BENCHES)
try:
    for word in wanted:
        BENCHES[word]()
finally:
    report()
    shutil.rmtree(HOME, ignore_errors=True)
