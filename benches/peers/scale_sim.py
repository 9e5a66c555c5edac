"""Whole runs of SCALE-Sim 3.0.0 and of hwsim on the same files, alternately; needs scalesim 3.0.0 with NumPy 2.2.6.

usage: scale_sim.py --hwsim HWSIM [RUN FOLDER ...]   (by default AlexNet and LeNet-5 of golden/scale-sim)
"""

import argparse
import contextlib
import io
import pathlib
import subprocess
import tempfile
import time

from scalesim.scale_sim import scalesim

RUNS = [
    "alexnet_cifar__16x16__os__1024k__calc",
    "alexnet_cifar__16x16__ws__128k__bw16",
    "alexnet_cifar__32x32__is__256k__bw32",
    "lenet5__16x16__os__64k__calc",
    "lenet5__12x14__os__64k__bw10",
    "lenet5__12x14__ws__8k__bw8",
]


def scale_sim(run, scratch):
    """Seconds of a simulation with reports, without imports."""
    layout = scratch / "layout.csv"
    layout.write_text("layout,\n")
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        simulation = scalesim(
            save_disk_space=True,
            verbose=False,
            config=str(run / "config.cfg"),
            topology=str(run / "topology.csv"),
            layout=str(layout),
            input_type_gemm=False,
        )
        simulation.run_scale(top_path=str(scratch))
    return time.perf_counter() - start


def best(command, repeats=30):
    """The shortest time of a process."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hwsim", required=True)
    parser.add_argument("runs", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    golden = pathlib.Path(__file__).parents[2] / "golden/scale-sim"
    runs = options.runs or [golden / name for name in RUNS]
    started = best([options.hwsim, "--version"])
    print(f"start of the hwsim process alone: {started * 1e3:.2f} ms")
    print(f"{'run':44} {'SCALE-Sim s':>12} {'process ms':>11} {'less start ms':>14} {'ratios':>20}")
    for run in runs:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            theirs = scale_sim(run, folder)
            command = [options.hwsim, "cost", "--scale-sim-config", run / "config.cfg"]
            command += ["--topology", run / "topology.csv", "--scale-sim-reports", folder / "out"]
            ours = best(command)
            for report in (folder / "out").glob("*.csv"):
                if report.read_text() != (run / report.name).read_text():
                    raise SystemExit(f"{run.name}/{report.name} differs")
        alone = max(ours - started, 1e-6)
        print(
            f"{run.name:44} {theirs:12.2f} {ours * 1e3:11.2f} {alone * 1e3:14.2f} "
            f"{theirs / ours:10.0f} {theirs / alone:9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
