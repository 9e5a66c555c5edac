"""Keeps one of STEP rows of a table of fixed point quantisation and adjusts the header's counts."""
import argparse
import json

p = argparse.ArgumentParser(description=__doc__)
p.add_argument("file")
p.add_argument("--step", type=int, required=True)
p.add_argument("--out", required=True, help="output file")
a = p.parse_args()
with open(a.file) as f:
    header, *rows = f.read().splitlines()
header = json.loads(header[1:])
names = header["columns"].split(",")
kept = rows[::a.step]
deviating = {"n": 0, "s": 0}
for row in kept:
    v = dict(zip(names, row.split(",")))
    deviating[v["mode"]] += v["q_clamp"] != v["exact_clamp"] or v["q_sym"] != v["exact_sym"]
header["share"] = f"one of {a.step} rows of {len(rows)}, from the first on"
header["n_rows"] = len(kept)
header["n_dev_nearest"], header["n_dev_stochastic"] = deviating["n"], deviating["s"]
with open(a.out, "w") as f:
    f.write("#" + json.dumps(header, sort_keys=True) + "\n")
    f.writelines(row + "\n" for row in kept)
