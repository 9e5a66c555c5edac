#!/usr/bin/env python3
"""Runs every network of a folder through the command line and writes a table: loads, outputs, integers, accuracy, cost.

    networks.py FOLDER [--hwsim PROGRAM] [--only WORD] [--accuracy N] [--out TABLE.csv]

FOLDER has manifest.json: a list of entries with `model`, `inputs` (names to .npy files), and as far as there are any `expected`,
`layers`, `sample`, `rows`, `integers`, `top1`, `top1_exact`, `test`. Needs NumPy.

Per network: `hwsim eval MODEL --x INPUTS --output OUT.npz --against LAYERS.npz`, its outputs against `expected` (1e-4 of the largest),
every stored integer (NAME!int) and sum (NAME!acc) equal; `hwsim cost --onnx MODEL`; with --accuracy N the share of the first N
inputs of the test set that are classified right. Exit code 1 if anything else than an equal result or a stated refusal is found."""
import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

TOLERANCE = 1e-4
# 16-bit floats have 11 or 8 bits.
HALF_TOLERANCE = 2e-2


def call(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr.strip().splitlines()


def relative(found, stored):
    """Largest difference as a share of the largest stored number, and how many elements are beyond the tolerance."""
    found, stored = np.asarray(found).reshape(-1).astype(float), np.asarray(stored).reshape(-1).astype(float)
    if found.shape != stored.shape:
        return float("inf"), stored.size
    same = (found == stored) | (np.isnan(found) & np.isnan(stored))
    most = np.abs(stored[np.isfinite(stored)]).max(initial=0.0) or 1.0
    delta = np.where(same, 0.0, np.abs(found - stored)) / most
    delta = np.where(np.isfinite(delta), delta, 1.0)
    return float(delta.max(initial=0.0)), int((delta > TOLERANCE).sum())


def inputs_file(root, entry, folder):
    """One .npz file with every input under its name."""
    found = {}
    for name, path in entry["inputs"].items():
        data = np.load(f"{root}/{path}")
        found[name] = data if isinstance(data, np.ndarray) else data[data.files[0]]
    path = f"{folder}/inputs.npz"
    np.savez(path, **found)
    return path


def exact_difference(root, entry, found):
    """Largest difference from the folder's reference in exact arithmetic; None without one."""
    if not os.path.isfile(f"{root}/engines.py"):
        return None
    sys.path.insert(0, root)
    import engines
    exact = engines.reference_tensors(f"{root}/{entry['model']}", engines.read_inputs(root, entry["inputs"]))
    return max(relative(values, exact[name])[0] for name, values in found.items())


def test_set(root, kind, count):
    """Inputs and labels of a test set by its name in the manifest, as the networks take them."""
    if kind.startswith("fashion"):
        data = np.load(f"{root}/fmnist-cnn/test1000.npz")
        x = ((data["images"].astype(np.float32) / 255 - 0.2860) / 0.3530)[:count, None]
        return x.transpose(0, 2, 3, 1) if kind == "fashion-nhwc" else x, data["labels"][:count]
    elif kind.startswith("vowels"):
        data = np.load(f"{root}/vowels-conv1d/test370.npz")
    else:
        folder = "digits-keras" if kind == "digits-nhwc" else "digits-mlp"
        data = np.load(f"{root}/{folder}/test497.npz")
    x, y = (data[name] for name in ("x", "y")) if "x" in data.files else (data[data.files[0]], data[data.files[1]])
    if kind == "vowels-t":
        x = x.transpose(0, 2, 1)
    if kind == "digits-nhwc" and x.ndim == 2:
        x = x.reshape(-1, 8, 8, 1)
    return x[:count], y[:count]


def check(hwsim, root, entry, accuracy, folder):
    model = f"{root}/{entry['model']}"
    row = {"model": entry["model"], "loads": "", "outputs": "", "integers": "", "top1": "", "cost": "", "remark": ""}
    out = f"{folder}/out.npz"
    command = [hwsim, "eval", model, "--x", inputs_file(root, entry, folder), "--output", out, "--quiet"]
    code, _, errors = call(command)
    if code != 0:
        row.update(loads="no", remark=errors[-1] if errors else f"exit code {code}")
    else:
        row["loads"] = "yes"
        if "expected" in entry and "training mode" not in entry.get("note", ""):
            expected, found = np.load(f"{root}/{entry['expected']}"), np.load(out)
            worst, step, half = 0.0, entry.get("sample", 1), False
            beyond = size = 0
            for name in expected.files:
                if name not in found.files:
                    row["remark"] = f"no output {name}"
                    worst = float("inf")
                    continue
                values = found[name].reshape(-1)[::step] if step > 1 else found[name]
                half |= expected[name].dtype == np.float16 or "16" in entry["model"].split("/")[-1][:4]
                largest, count = relative(values, expected[name])
                worst, beyond, size = max(worst, largest), beyond + count, size + expected[name].size
            limit = HALF_TOLERANCE if half else TOLERANCE
            row["outputs"] = "equal" if worst <= limit else f"{beyond} of {size} by {worst:.1e}"
            if worst > limit and entry.get("integers", {}).get("differing", 0) > 0:
                largest = exact_difference(root, entry, {name: found[name] for name in expected.files})
                if largest is not None and largest <= limit:
                    row["outputs"] = f"exact (the engine's differ: {row['outputs']})"
        if "layers" in entry:
            dump = f"{folder}/exact.npz"
            layers = np.load(f"{root}/{entry['layers']}")
            exact = {name: layers[name] for name in layers.files if "!" in name}
            if exact:
                np.savez(dump, **exact)
                code, text, errors = call([hwsim, "eval", model, "--x", f"{folder}/inputs.npz", "--against", dump, "--quiet",
                                           "--format", "json"])
                if text:
                    result = json.loads(text)["against"]
                    wrong = [r for r in result["rows"] if r["verdict"] != "equal"]
                    count = len(result["rows"])
                    row["integers"] = f"{count} equal" if not wrong else f"{len(wrong)} of {count} differ"
                    if result["unknown"]:
                        row["integers"] += f", {len(result['unknown'])} unknown"
                    if wrong:
                        row["remark"] = f"{wrong[0]['tensor']}: {wrong[0]['differing']} by {wrong[0]['largest']}"
                else:
                    row["integers"] = errors[-1] if errors else "nothing"
        if accuracy and "test" in entry:
            test = test_set(root, entry["test"], accuracy)
            if test is not None:
                np.save(f"{folder}/x.npy", test[0])
                np.save(f"{folder}/y.npy", test[1])
                code, text, errors = call([hwsim, "eval", model, "--x", f"{folder}/x.npy", "--y", f"{folder}/y.npy", "--quiet",
                                           "--format", "json"])
                row["top1"] = f"{100 * json.loads(text)['scores']['top1']:.2f}" if code == 0 else errors[-1]
    row["cost"] = cost(hwsim, model)
    return {key: value.replace(f"{root}/", "") for key, value in row.items()}


def cost(hwsim, model):
    """MACs by `hwsim cost`, open sizes being 1, or why there are none."""
    command = [hwsim, "cost", "--onnx", model, "--format", "json"]
    code, text, errors = call(command)
    if code != 0 and errors:
        sizes = re.findall(r"--dim (\S+)=SIZE", errors[-1])
        code, text, errors = call(command + [f"--dim={name}=1" for name in sizes]) if sizes else (code, text, errors)
    if code != 0:
        return errors[-1] if errors else f"exit code {code}"
    total = json.loads(text)
    return str(total.get("macs", total.get("total", {}).get("macs", "yes")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--hwsim", default="hwsim")
    parser.add_argument("--only", default="")
    parser.add_argument("--accuracy", type=int, default=0)
    parser.add_argument("--out")
    options = parser.parse_args()
    with open(f"{options.folder}/manifest.json") as file:
        entries = [entry for entry in json.load(file) if options.only in entry["model"]]
    rows = []
    for entry in entries:
        with tempfile.TemporaryDirectory() as folder:
            row = check(options.hwsim, options.folder, entry, options.accuracy, folder)
        rows.append(row)
        good = row["loads"] == "yes" and (row["outputs"] in ("", "equal") or row["outputs"].startswith("exact")) and "differ" not in row["integers"]
        print("ok  " if good else "FAIL", row["model"], row["outputs"], row["integers"], row["top1"], row["remark"][:160], flush=True)
    if options.out:
        with open(options.out, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    bad = [r for r in rows if r["loads"] != "yes" or not (r["outputs"] in ("", "equal") or r["outputs"].startswith("exact")) or "differ" in r["integers"]]
    print(f"{len(rows)} networks, {len(bad)} not equal or not loaded")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
