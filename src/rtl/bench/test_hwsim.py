"""cocotb bench of hwsim_core: a fold controller in Python, for cocotb 1.9 and 2.x. Reads ../manifest.json, ../vectors and ../expect.

Operands are set at the falling edge; the array takes them at the next rising edge. Results are read between the two.
"""

import json
import os
import pathlib

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

FOLDER = pathlib.Path(os.environ.get("HWSIM_FOLDER", pathlib.Path(__file__).resolve().parent.parent))
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())
P = MANIFEST["parameters"]
R, C, WLA, WLB, ACC, EVW, WLY = (P[name] for name in ("R", "C", "WLA", "WLB", "ACC", "EVW", "WLY"))
M, N, K, GROUPS, BLOCKS = (MANIFEST[name] for name in ("m", "n", "k", "groups", "blocks"))
ROW_FOLDS, COLUMN_FOLDS = MANIFEST["row_folds"], MANIFEST["column_folds"]
KEEPS_SUMS = P["DATAFLOW"] == 0
RESULTS = {"acc": ("sum", ACC), "biased": ("biased", ACC), "events": ("events", EVW), "first_k": ("first_k", EVW),
           "word": ("word", WLY), "clamped": ("clamped", 1)}


def words(path):
    """The words of a memory image, as unsigned numbers."""
    return [int(line, 16) for line in (FOLDER / path).read_text().split()]


def vector(name):
    path = FOLDER / "vectors" / f"{name}.hex"
    return words(path) if path.exists() else None


def packed(values, bits):
    """Lane i in bits i * bits and up; lanes not given are 0."""
    return sum(value << (lane * bits) for lane, value in values.items())


def lane(value, index, bits):
    return value >> (index * bits) & ((1 << bits) - 1)


class Bench:
    def __init__(self, dut):
        self.dut = dut
        self.a, self.b = vector("a"), vector("b")
        self.constants = {name: vector(name) for name in ("init", "bias", "multiplier", "offset", "shift", "seed")}
        self.widths = {"init": ACC, "bias": P["WLC"], "multiplier": max(P["WLM"], 1), "offset": P["WLC"],
                       "shift": P["SHW"], "seed": max(P["LW"], 1)}
        outputs = GROUPS * M * N
        self.got = {name: [None] * outputs for name in RESULTS}
        self.folds = 1 if KEEPS_SUMS else ROW_FOLDS
        self.got["fold_sums"] = [None] * (outputs * self.folds)
        self.compute = self.drain = 0

    async def reset(self):
        cocotb.start_soon(Clock(self.dut.clk, 10, "ns").start())
        await FallingEdge(self.dut.clk)
        self.drive()
        for name in ("k_base", "complete", "bias", "multiplier", "offset", "shift", "seed"):
            getattr(self.dut, name).value = 0
        self.dut.terms.value = K
        self.dut.jump.value = int(MANIFEST["arguments"]["JUMP"], 16)
        self.dut.rst.value = 1
        for _ in range(2):
            await FallingEdge(self.dut.clk)
        self.dut.rst.value = 0

    def drive(self, **inputs):
        """Inputs of one cycle; what is not given is 0."""
        for name in ("load", "drain", "a", "a_valid", "a_first", "a_last", "b", "b_valid", "init", "top_valid", "events_top",
                     "first_k_top", "seed_load"):
            getattr(self.dut, name).value = inputs.get(name, 0)

    async def clock(self, keep):
        """Reads the results of this cycle by `keep`, then clocks. True if the array had done its last addition."""
        await ReadOnly()
        keep()
        done = int(self.dut.done.value) == 1
        await FallingEdge(self.dut.clk)
        return done

    def keep(self, fold, column, row):
        """Keeps the result of array column `column` for row `row` of the product."""
        group, row_fold, column_fold = fold
        n = column_fold * C + column
        if row >= M or n >= N:
            return
        output = (group * M + row) * N + n
        for name, (port, bits) in RESULTS.items():
            self.got[name][output] = lane(int(getattr(self.dut, port).value), column, bits)
        self.got["fold_sums"][output * self.folds + (0 if KEEPS_SUMS else row_fold)] = self.got["acc"][output]

    def set_columns(self, number, fold):
        """Constants of the columns of a fold."""
        group, row_fold, column_fold = fold
        for name, values in self.constants.items():
            if values is None or name == "init":
                continue
            if name == "seed":
                lanes = {c: values[number * C + c] for c in range(C)}
            else:
                columns = range(min(C, N - column_fold * C))
                lanes = {c: values[group * N + column_fold * C + c] for c in columns}
            getattr(self.dut, name).value = packed(lanes, self.widths[name])
        self.dut.complete.value = int(KEEPS_SUMS or row_fold == ROW_FOLDS - 1)

    async def output_stationary(self, number, fold):
        group, row_fold, column_fold = fold
        rows, columns = range(R), range(C)
        step, done = 0, False
        while not done:
            in_row = [r for r in rows if 0 <= step - r < K]
            in_column = [c for c in columns if 0 <= step - c < K]
            a = {r: self.a[((group * ROW_FOLDS + row_fold) * K + step - r) * R + r] for r in in_row}
            b = {c: self.b[((group * COLUMN_FOLDS + column_fold) * K + step - c) * C + c] for c in in_column}
            used = [c for c in in_column if column_fold * C + c < N]
            init = self.constants["init"]
            starts = {c: init[group * N + column_fold * C + c] for c in used} if init else {}
            self.drive(
                a=packed(a, WLA), a_valid=packed({r: 1 for r in in_row if row_fold * R + r < M}, 1),
                a_first=packed({r: 1 for r in in_row if step == r}, 1),
                a_last=packed({r: 1 for r in in_row if step - r == K - 1}, 1),
                b=packed(b, WLB), b_valid=packed({c: 1 for c in used}, 1), init=packed(starts, ACC),
                seed_load=int(step == 0))
            done = await self.clock(lambda: None)
            self.compute += 1
            step += 1
            assert step < K + 4 * (R + C) + 64, "the fold does not end"
        for row in reversed(rows):
            self.drive(drain=1)
            await self.clock(lambda: [self.keep(fold, c, row_fold * R + row) for c in columns])
            self.drain += 1

    async def weight_stationary(self, number, fold, block):
        group, row_fold, column_fold = fold
        rows, columns = range(R), range(C)
        stream = M // BLOCKS + (block < M % BLOCKS)
        first = block * (M // BLOCKS) + min(block, M % BLOCKS)
        self.dut.k_base.value = row_fold * R
        for row in reversed(rows):
            at = ((group * COLUMN_FOLDS + column_fold) * ROW_FOLDS + row_fold) * R + row
            self.drive(load=1, b=packed({c: self.b[at * C + c] for c in columns}, WLB), seed_load=int(row == R - 1))
            await self.clock(lambda: None)
            self.compute += 1
        step, taken, done = 0, 0, False

        def keep():
            nonlocal taken
            valid = int(self.dut.sum_valid.value)
            for c in columns:
                if lane(valid, c, 1):
                    self.keep(fold, c, first + step - R - c)
            taken += lane(valid, C - 1, 1)

        while taken < stream:
            in_row = [r for r in rows if 0 <= step - r < stream]
            in_column = [c for c in columns if 0 <= step - c < stream]
            a = {r: self.a[((group * ROW_FOLDS + row_fold) * M + first + step - r) * R + r] for r in in_row}
            top, events, first_k = {}, {}, {}
            for c in in_column:
                n, row = column_fold * C + c, first + step - c
                first_k[c] = (1 << EVW) - 1
                if n < N and row_fold > 0:
                    output = (group * M + row) * N + n
                    top[c], events[c], first_k[c] = (self.got[name][output] for name in ("acc", "events", "first_k"))
                elif n < N and self.constants["init"]:
                    top[c] = self.constants["init"][group * N + n]
            self.drive(
                a=packed(a, WLA), a_valid=packed({r: 1 for r in in_row if row_fold * R + r < K}, 1),
                a_last=packed({r: 1 for r in in_row if step - r == stream - 1}, 1),
                init=packed(top, ACC), top_valid=packed({c: 1 for c in in_column}, 1), events_top=packed(events, EVW),
                first_k_top=packed(first_k, EVW))
            was_done = done
            done = await self.clock(keep) or done
            if was_done:
                self.drain += 1
            else:
                self.compute += 1
            step += 1
            assert step < stream + 4 * (R + C) + 64, "the fold does not end"

    async def run(self):
        number = 0
        for group in range(GROUPS):
            for column_fold in range(COLUMN_FOLDS):
                for block in range(BLOCKS):
                    for row_fold in range(ROW_FOLDS):
                        fold = (group, row_fold, column_fold)
                        self.set_columns(number, fold)
                        if KEEPS_SUMS:
                            await self.output_stationary(number, fold)
                        else:
                            await self.weight_stationary(number, fold, block)
                        number += 1


@cocotb.test()
async def equals_hwsim(dut):
    bench = Bench(dut)
    await bench.reset()
    await bench.run()
    for name, got in bench.got.items():
        expected = words(f"expect/{name}.hex")
        for at, (want, have) in enumerate(zip(expected, got)):
            assert want == have, f"{name}.hex, line {at + 1}: expected {want:x}, got {have:x}"
        assert len(expected) == len(got), name
    cycles = f"compute {bench.compute}\ndrain {bench.drain}\ntotal {bench.compute + bench.drain}\n"
    assert cycles == (FOLDER / "expect/cycles.txt").read_text(), cycles
    dut._log.info("equal: %d outputs, %d cycles", len(bench.got["acc"]), bench.compute + bench.drain)
