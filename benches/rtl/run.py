"""Generated circuits of `hwsim rtl` in a simulator: values and cycles compared, with versions and times.

    python3 benches/rtl/run.py HWSIM OUT.csv [--count 200] [--first 0] [--simulator icarus]

HWSIM is the program. A row of OUT.csv is a configuration; the exit code is 1 if any differs.
"""

import argparse
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROUNDINGS = ["stochastic", "nearest-even", "nearest-away", "nearest-zero", "nearest-odd", "half-up", "half-down", "floor", "ceiling",
             "toward-zero", "away-from-zero"]
OVERFLOWS = ["wrap", "saturate", "saturate-symmetric", "saturate-zero"]
COLUMNS = ["number", "dataflow", "rows", "columns", "m", "n", "k", "format_a", "format_b", "accumulator", "accumulator_overflow", "bias",
           "operands", "format_out", "rounding", "overflow", "scales", "folds", "compute", "drain", "total", "events", "clamped",
           "compared", "differing", "seconds", "simulator"]


def configuration(number):
    """Configuration `number`: always the same."""
    draw = random.Random(number)
    sign = lambda: draw.choice(["", "", "u"])
    wl_a, wl_b = (draw.choice([draw.randint(1, 32), draw.choice([4, 8, 16])]) for _ in range(2))
    accumulator = draw.choice([draw.randint(3, 64), min(64, wl_a + wl_b + draw.randint(-1, 3))])
    natural = max(0, wl_a + wl_b - draw.randint(1, 12))
    shift = draw.choice([draw.randint(0, natural), draw.randint(1, 8), -draw.randint(0, 4)])
    columns = draw.randint(1, 5)
    return {
        "number": number,
        "dataflow": ["output-stationary", "weight-stationary"][number % 2],
        "rows": draw.randint(1, 5), "columns": columns,
        "m": draw.randint(1, 12), "n": draw.randint(1, 9), "k": draw.randint(1, 24),
        "format_a": f"{sign()}{wl_a},0", "format_b": f"{sign()}{wl_b},0",
        "accumulator": max(3, accumulator), "accumulator_overflow": draw.choice(OVERFLOWS[:2] + OVERFLOWS),
        "bias": draw.choice(["none", "none", "first", "last"]),
        "operands": draw.choice(["random", "directed"]),
        "format_out": f"{sign()}{draw.randint(1, 32)},{-shift}",
        "rounding": ROUNDINGS[number // 2 % len(ROUNDINGS)], "overflow": draw.choice(OVERFLOWS),
        "scales": draw.random() < 0.2,
    }


def arguments(row, folder, machine):
    words = ["rtl", "--machine", machine, "--m", row["m"], "--n", row["n"], "--k", row["k"], "--format-a", row["format_a"], "--format-b",
             row["format_b"], "--accumulator", row["accumulator"], "--accumulator-overflow", row["accumulator_overflow"], "--operands",
             row["operands"], "--format-out", row["format_out"], "--rounding", row["rounding"], "--overflow", row["overflow"], "--seed",
             row["number"], "--output", folder / "twin", "--format", "json"]
    draw = random.Random(row["number"] + 1_000_000)
    if row["bias"] != "none":
        words += ["--format-bias", f"{draw.randint(2, 20)},0", "--accumulator-bias", row["bias"]]
    if row["rounding"] == "stochastic":
        width = draw.randint(8, 32)
        words += ["--lfsr-width", width, "--random-bits", draw.randint(1, min(width, 24)), "--lfsr-steps", draw.randint(1, 64)]
    if row["scales"]:
        lines = [f"{draw.randint(-2**15, 2**15)},{draw.randint(0, 40)},{draw.randint(-2**20, 2**20)}" for _ in range(row["n"])]
        (folder / "scales.csv").write_text("\n".join(lines) + "\n")
        words += ["--scales", folder / "scales.csv"]
    return [str(word) for word in words]


def run(hwsim, row, simulator, template):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        machine = template.replace("output-stationary", row["dataflow"])
        machine = machine.replace("rows = 16", f"rows = {row['rows']}").replace("columns = 16", f"columns = {row['columns']}")
        (folder / "machine.toml").write_text(machine)
        words = arguments(row, folder, str(folder / "machine.toml")) + [f"--verify={simulator}"]
        start = time.monotonic()
        done = subprocess.run([hwsim, *words], capture_output=True, text=True, timeout=300)
        row["seconds"] = f"{time.monotonic() - start:.2f}"
        if not done.stdout:
            sys.exit(f"configuration {row['number']}: {done.stderr}{' '.join(words)}")
        result = json.loads(done.stdout)
        manifest, verification = result["manifest"], result["verification"]
        row.update(manifest["cycles"], events=manifest["accumulator_events"], clamped=manifest["clamped"])
        row["folds"] = manifest["row_folds"] * manifest["column_folds"] * manifest["blocks"]
        row["compared"] = sum(file["compared"] for file in verification["comparisons"])
        row["differing"] = sum(file["differing"] for file in verification["comparisons"])
        row["simulator"] = verification["version"].strip()
        if done.returncode != 0 or row["differing"]:
            print(f"configuration {row['number']} differs: {done.stderr.strip()}\n  {' '.join(words)}", file=sys.stderr)
        return row["differing"] == 0 and done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hwsim")
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--simulator", default="icarus")
    given = parser.parse_args()
    hwsim = str(pathlib.Path(given.hwsim).resolve())
    shown = subprocess.run([hwsim, "machines", "show", "edge-16x16", "--toml"], capture_output=True, text=True, check=True)
    equal = 0
    with open(given.out, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number in range(given.first, given.first + given.count):
            row = configuration(number)
            equal += run(hwsim, row, given.simulator, shown.stdout)
            writer.writerow(row)
            file.flush()
    print(f"{equal} of {given.count} configurations equal")
    sys.exit(0 if equal == given.count else 1)


if __name__ == "__main__":
    main()
