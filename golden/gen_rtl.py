"""Writes rtl_values.csv and rtl_stochastic.csv from measurements of public RTL arrays.

The measurements are two tables with a header. VALUES has one product a row, which a simulator of the unmodified RTL computed:
array, arithmetic, wl_a, wl_b, acc, overflow, m, n, k, data, and the lists a, b, initial, result, separated by blanks.
STOCHASTIC has one setting of a requantiser a row, confirmed by Verilog: width, bits, steps, shift, wl_out, seed, step, layer, load,
and the lists accumulators, outputs. Without --all, VALUES is thinned to the shortest row of each array, width and kind of data, all rows
with initial sums, and all rows of tiny-tpu.
"""
import argparse
import csv
import json
import os

ARRAYS = {
    "scale-sim-rtl": ("scalesim-project/SCALE-Sim, code-examples/systolic-array-rtl", "1d62b68a2c77"),
    "tiny-tpu": ("tiny-tpu-v2/tiny-tpu, systolic", "04ad69238072"),
    "ws-systolic-array-soc pe_grid": ("trhieuuit/ws-systolic-array-soc, pe_grid", "863501729fea"),
    "systolic-array-ws": ("YaraAlShorman/systolic-array-ws, top_mod", "8693c613d02a"),
    "axis-systolic-array": ("abarajithan11/axis-systolic-array, axis_sa", "44bbe4ff118f"),
    "finn-mvu mvu_4sx4u_dsp48e2": ("Xilinx/finn, mvu_vvu_axi", "39f0c9a6b767"),
    "finn-mvu mvu_8sx8u_dsp48": ("Xilinx/finn, mvu_vvu_axi", "39f0c9a6b767"),
    "finn-mvu mvu_vvu_8sx9_dsp58": ("Xilinx/finn, mvu_vvu_axi", "39f0c9a6b767"),
    "cocotb matrix_multiplier": ("cocotb/cocotb, examples/matrix_multiplier", "f51dcc21fe4a"),
}
TOOLS = "Icarus Verilog 11.0, Verilator 5.48.0, cocotb 2.1.0"


def case_of(row):
    """The keys of a case: formats of the operands, accumulator, and where the RTL rounds a product."""
    wla, wlb = int(row["wl_a"]), int(row["wl_b"])
    keys = dict(fla=0, flb=0, unsigned=0, acc_fl="-", rounding="-")
    if row["array"].startswith("cocotb"):
        # The measured table has signed words of one bit more.
        wla, wlb, keys["unsigned"] = wla - 1, wlb - 1, 1
    if row["array"] == "tiny-tpu":
        keys.update(fla=8, flb=8, acc_fl=8, rounding="half-up")
    return dict(array=row["array"], M=row["m"], K=row["k"], N=row["n"], wla=wla, wlb=wlb, **keys,
                acc=row["acc"], overflow=row["overflow"], data=row["data"])


def write(path, header, cases):
    header["n_cases"] = len(cases)
    with open(path, "w") as f:
        f.write("#" + json.dumps(header, sort_keys=True) + "\n")
        for number, (keys, lines) in enumerate(cases):
            f.write(f"case,{number}," + ",".join(f"{k}={v}" for k, v in keys.items()) + "\n")
            for name, values in lines:
                f.write(f"{name}," + ",".join(values) + "\n")


p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("values")
p.add_argument("stochastic")
p.add_argument("--all", action="store_true", help="keep every row")
p.add_argument("--out", required=True, help="folder")
a = p.parse_args()
with open(a.values) as f:
    rows = list(csv.DictReader(f))
length = lambda row: sum(len(row[name]) for name in ("a", "b", "initial", "result"))
shortest = {}
for row in rows:
    kind = tuple(row[name] for name in ("array", "wl_a", "acc", "overflow", "data"))
    if kind not in shortest or length(row) < length(shortest[kind]):
        shortest[kind] = row
kept = [row for row in rows
        if a.all or row["initial"] or row["array"] == "tiny-tpu" or row in shortest.values()]
cases = [(case_of(row), [(name, row[name].split()) for name in ("a", "b", "initial", "result")])
         for row in kept]
write(os.path.join(a.out, "rtl_values.csv"), {
    "blocks": "case / a [M, K] / b [K, N] / initial [M, N] or none / result [M, N]",
    "tools": TOOLS,
    "rtl": {name: {"source": source, "commit": commit} for name, (source, commit) in ARRAYS.items()},
    "share": f"{len(kept)} of {len(rows)} measured products",
    "n_outputs": sum(len(row["result"].split()) for row in kept),
}, cases)
with open(a.stochastic) as f:
    rows = list(csv.DictReader(f))
settings = ("width", "bits", "steps", "shift", "wl_out", "seed", "step", "layer", "load")
cases = [({name: row[name] for name in settings},
          [(name, row[name].split()) for name in ("accumulators", "outputs")]) for row in rows]
write(os.path.join(a.out, "rtl_stochastic.csv"), {
    "blocks": "case / accumulators / outputs of a stochastic requantiser",
    "tools": TOOLS,
    "n_outputs": sum(len(row["outputs"].split()) for row in rows),
}, cases)
