#!/usr/bin/env python3
"""Runs SCALE-Sim 3.0.0 on every run below a folder (by default this one) and compares or writes its reports.

usage: rebuild.py [FOLDER]

A run is a folder with config.cfg and topology.csv; a topology whose second column is called M is a GEMM.
Needs scalesim 3.0.0 with NumPy 2.2.
"""
import contextlib
import io
import pathlib
import sys
import tempfile

from scalesim.scale_sim import scalesim

REPORTS = ("COMPUTE_REPORT.csv", "BANDWIDTH_REPORT.csv", "DETAILED_ACCESS_REPORT.csv")


def reports(run):
    """The reports of one run, by name."""
    header = (run / "topology.csv").read_text().splitlines()[0].split(",")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        # A layout file must be there; without custom layouts nothing in it is used.
        layout = scratch / "layout.csv"
        layout.write_text("layout,\n")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            simulation = scalesim(
                save_disk_space=True,
                verbose=False,
                config=str(run / "config.cfg"),
                topology=str(run / "topology.csv"),
                layout=str(layout),
                input_type_gemm=header[1].strip().lower() == "m",
            )
            simulation.run_scale(top_path=str(scratch))
        return {name: next(scratch.glob(f"*/{name}")).read_text() for name in REPORTS}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__)
    folder = folder if folder.is_dir() else folder.parent
    different = 0
    for config in sorted(folder.glob("*/config.cfg")):
        run = config.parent
        for name, text in reports(run).items():
            path = run / name
            if not path.exists():
                path.write_text(text)
            elif path.read_text() != text:
                different += 1
                print(f"DIFFERENT: {run.name}/{name}")
        print(run.name, flush=True)
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
