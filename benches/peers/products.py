"""Matrix products and quantisers: hwsim beside PyTorch, QPyTorch and APyTypes, alternating in one run."""

import argparse
import json
import statistics
import subprocess
import time

import apytypes
import numpy
import qtorch.quant
import torch


def best(work, repeats):
    """The shortest of some wall times in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def hwsim_gemm(hwsim, size, wl, threads, *more):
    command = [hwsim, "gemm", "--json", "--repeat", "5", "--threads", str(threads)]
    if "--m" not in more:
        command += ["--m", str(size), "--n", str(size), "--k", str(size)]
    command += ["--wl-a", str(wl), "--wl-b", str(wl), *more]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def by_turns(ours, theirs, rounds=5):
    """The medians of two rates that are measured alternately, since the speed of a shared machine wanders."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return [statistics.median(rates) for rates in zip(*pairs)]


def line(work, peer, ours, theirs, unit):
    print(f"{work:44} {peer:24} {ours:10.2f} {theirs:10.2f} {unit:8} {ours / theirs:8.2f}", flush=True)


def hwsim_quantise(hwsim, rounding):
    command = [hwsim, "quantise", "--json", "--repeat", "10", "--threads", "1", "--wl", "8", "--fl", "4"]
    command += ["--elements", str(1 << 22), "--rounding", rounding]
    result = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(result)["melements_per_s"]


def apytypes_step(size):
    """MACs per second of additions into a 16-bit saturating accumulator, a cast after each."""
    generator = numpy.random.default_rng(1)
    a = generator.integers(-128, 128, (size, size))
    b = generator.integers(-128, 128, (size, size))
    fixed = lambda values: apytypes.APyFixedArray.from_float(values, int_bits=8, frac_bits=0)
    columns = [fixed(a[:, k : k + 1]) for k in range(size)]
    rows = [fixed(b[k : k + 1, :]) for k in range(size)]

    def work():
        total = apytypes.APyFixedArray.zeros((size, size), int_bits=16, frac_bits=0)
        for column, row in zip(columns, rows):
            total = (total + column * row).cast(
                int_bits=16, frac_bits=0, overflow=apytypes.OverflowMode.SAT
            )

    return size**3 / best(work, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hwsim", required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    gemm = lambda size, wl, *more: hwsim_gemm(options.hwsim, size, wl, options.threads, *more)
    print(f"PyTorch {torch.__version__}, {options.threads} threads")
    print(f"{'work':44} {'peer':24} {'hwsim':>10} {'peer':>10} {'unit':8} {'ratio':>8}")

    size = 2048
    a, b = torch.randn(size, size), torch.randn(size, size)
    small_a = torch.randint(-128, 128, (size, size), dtype=torch.int8)
    small_b = torch.randint(-128, 128, (size, size), dtype=torch.int8)
    for wl in [8, 12, 16, 20, 24, 32]:
        ours = lambda: gemm(size, wl)["gmacs_per_s"]
        theirs = lambda: size**3 / best(lambda: a @ b, 5) / 1e9
        line(f"{size}^3, WL {wl}, exact", "matmul float32", *by_turns(ours, theirs), "GMAC/s")
        if wl == 8:
            theirs = lambda: size**3 / best(lambda: torch._int_mm(small_a, small_b), 5) / 1e9
            line(f"{size}^3, WL {wl}, exact", "_int_mm int8", *by_turns(ours, theirs), "GMAC/s")

    exact = gemm(size, 8)
    for bits in [24, 22, 21, 20, 19]:
        narrow = gemm(size, 8, "--acc", str(bits))
        share = narrow["stepped_outputs"] / size**2
        events = narrow["accumulator_events"]
        line(
            f"{size}^3, WL 8, acc {bits}: {share:.0%} stepped, {events} events",
            "hwsim, exact",
            narrow["gmacs_per_s"],
            exact["gmacs_per_s"],
            "GMAC/s",
        )

    # Sums of 1,168 products of 10-bit words leave 24 bits in about 1 % of the outputs.
    rows = ["--m", "2048", "--n", "2048", "--k", "1168"]
    share = gemm(2048, 10, *rows, "--acc", "24")["stepped_outputs"] / 2048**2
    exact = lambda: gemm(2048, 10, *rows)["gmacs_per_s"]
    narrow = lambda: gemm(2048, 10, *rows, "--acc", "24")["gmacs_per_s"]
    line(
        f"2048^2x1168, WL 10, acc 24: {share:.1%} stepped",
        "hwsim, exact",
        *by_turns(narrow, exact),
        "GMAC/s",
    )

    size = 256
    theirs = apytypes_step(size) / 1e9
    stepped = gemm(size, 8, "--acc", "16")
    cleared = gemm(size, 8, "--acc", "32")
    line(f"{size}^3, WL 8, acc 16, stepped", "APyTypes", stepped["gmacs_per_s"], theirs, "GMAC/s")
    line(f"{size}^3, WL 8, acc 32, cleared", "APyTypes", cleared["gmacs_per_s"], theirs, "GMAC/s")

    torch.set_num_threads(1)
    x = torch.randn(1 << 22) * 2
    for ours, theirs in [("nearest-even", "nearest"), ("stochastic", "stochastic")]:
        quantised = lambda: qtorch.quant.fixed_point_quantize(x, 8, 4, rounding=theirs)
        rate = x.numel() / best(quantised, 5) / 1e6
        work = f"quantise 4 M elements, {theirs}, one core"
        line(work, "QPyTorch", hwsim_quantise(options.hwsim, ours), rate, "M/s")


if __name__ == "__main__":
    main()
