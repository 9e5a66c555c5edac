#!/usr/bin/env python3
"""Search for a reading of Shen, Lai and Zhang (2024) that gives their printed model sizes of ResNet-20.

The paper prints seven sizes without a unit: U 1.12 (6 bits), and for 4 to 8 bits A/C+ 1.08, A/C- 1.01,
F/C+ 1.05, F/C- 1.20, D/C+ 1.20, D/C- 1.05. How layers are chosen, what the size counts and how a factor
becomes bits had to be reconstructed. This script computes the sizes under every combination of the choices
below and says which combinations reproduce the printed figures.

    benches/peers/shen_sizes.py > bench-results/rivals/shen-sizes.txt

Python 3.9 or later, standard library only; a few minutes on one core. Deterministic.

A reading *reproduces* the table if one unit u > 0 exists with which all seven sizes, multiplied by u, round to the
printed two decimals. As rounding may go either way at a tie, the closed interval printed +-0.005 is accepted. The
second criterion leaves U out, so that the six others may be relative to uniform bits of any width. The third grants a
constant c >= 0 that no strategy changes (a float32 part of any size): c + u * size, with U.
"""

import itertools
import math
from operator import mul

LOW, HIGH = 4, 8
MIDDLE = (LOW + HIGH) / 2
UNIFORM = 1.12
PRINTED = {"A": (1.08, 1.01), "F": (1.05, 1.20), "D": (1.20, 1.05)}  # (C+, C-)
HALF = 0.005 + 1e-9


# --- The network ------------------------------------------------------------------------------------------------

class Layer:
    """A convolution or the classifier of ResNet-20."""

    def __init__(self, kind, stage, block, inputs, outputs, kernel, in_size, out_size):
        self.kind, self.stage, self.block = kind, stage, block
        self.inputs, self.outputs, self.kernel = inputs, outputs, kernel
        self.in_size, self.out_size = in_size, out_size
        self.weights = outputs * inputs * kernel**2
        self.terms = inputs * kernel**2  # terms of one output of the forward product
        self.macs = self.weights * out_size**2
        self.entering = inputs * in_size**2  # activations, one image
        self.leaving = outputs * out_size**2


def resnet20(shortcut, classes):
    """Layers in forward order; shortcut B has 1x1 projections with weights, A none."""
    layers = [Layer("stem", 1, 0, 3, 16, 3, 32, 32)]
    width, size, block = 16, 32, 0
    for stage in (1, 2, 3):
        for index in range(3):
            block += 1
            outputs = 16 << (stage - 1)
            in_size = size
            if index == 0 and stage > 1:
                size //= 2
            layers.append(Layer("conv", stage, block, width, outputs, 3, in_size, size))
            layers.append(Layer("conv", stage, block, outputs, outputs, 3, size, size))
            if width != outputs and shortcut == "B":
                layers.append(Layer("shortcut", stage, block, width, outputs, 1, in_size, size))
            width = outputs
    layers.append(Layer("fc", 3, block + 1, 64, classes, 1, 1, 1))
    return layers


# --- Factors: value of every layer that takes part --------------------------------------------------------------

BATCH = 128


def a_total(layer):
    return layer.terms + layer.outputs * layer.kernel**2 + BATCH * layer.out_size**2


A_READINGS = {
    "Cin*k2 (forward)": lambda l: l.terms,
    "Cout*k2 (grad-input)": lambda l: l.outputs * l.kernel**2,
    "Cin": lambda l: l.inputs,
    "Cout": lambda l: l.outputs,
    "Ho*Wo (grad-weight, batch drops out)": lambda l: l.out_size**2,
    "forward + grad-input": lambda l: l.terms + l.outputs * l.kernel**2,
    "sum of the three products, batch 128": a_total,
    "max of the three products, batch 1": lambda l: max(
        l.terms, l.outputs * l.kernel**2, l.out_size**2),
    "MACs": lambda l: l.macs,
    "additions of the layer (outputs*(K-1))": lambda l: l.leaving * (l.terms - 1),
    "weights": lambda l: l.weights,
    "K*Ho*Wo": lambda l: l.terms * l.out_size**2,
}
F_READINGS = {
    "Ho*Wo": lambda l: l.out_size**2,
    "Ho*Wo, fc as last stage": lambda l: 64 if l.kind == "fc" else l.out_size**2,
    "Hi*Wi": lambda l: l.in_size**2,
    "Hi*Wi, fc as last stage": lambda l: 64 if l.kind == "fc" else l.in_size**2,
    "Cout (uses of a patch element)": lambda l: l.outputs,
    "Cout*k2/s2 (uses of an activation)": lambda l: l.macs / l.entering,
    "Cin*k2 (uses of an output gradient)": lambda l: l.terms,
    "Ho*Wo + Cout*k2/s2": lambda l: l.out_size**2 + l.macs / l.entering,
    "MACs / (weights + activations in)": lambda l: l.macs / (l.weights + l.entering),
    "MACs / (weights + activations in, out)": lambda l: l.macs
    / (l.weights + l.entering + l.leaving),
}
D_READINGS = {
    "stage, fc with the last": lambda l: l.stage,
    "stage, fc alone": lambda l: l.stage + (l.kind == "fc"),
    "stage, stem alone": lambda l: l.stage - (l.kind == "stem"),
    "stage, stem and fc alone": lambda l: l.stage + (l.kind == "fc") - (l.kind == "stem"),
    "input resolution": lambda l: -(8 if l.kind == "fc" else l.in_size),
    "residual block": lambda l: l.block,
    "layer": None,  # position among the layers that take part
    "layer, shortcut with its block's last": "shared",
}


def values_of(reading, layers):
    if reading is None:
        return list(range(1, len(layers) + 1))
    if reading == "shared":
        position, values = 0, []
        for layer in layers:
            position += layer.kind != "shortcut"
            values.append(position)
        return values
    return [reading(layer) for layer in layers]


# --- Bits -------------------------------------------------------------------------------------------------------

def fractions(scale, values):
    """Place of each layer in 0..1; None if the factor has one value."""
    if min(values) == max(values):
        return None
    if scale == "rank":
        levels = sorted(set(values))
        return [levels.index(v) / (len(levels) - 1) for v in values]
    if scale == "value":
        return [(v - min(values)) / (max(values) - min(values)) for v in values]
    if scale == "log2":
        shift = min(0, min(values) - 1)
        logs = [math.log2(v - shift) for v in values]
        return [(v - min(logs)) / (max(logs) - min(logs)) for v in logs]
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    place = [0.0] * len(values)
    for position, index in enumerate(order):
        if scale == "order":  # every layer a rank of its own, ties in forward order
            place[index] = position / (len(values) - 1)
        else:  # "bins": equally many layers for each of the five bit widths
            place[index] = (position * 5 // len(values)) / 4
    return place


FACTORS = {"A": A_READINGS, "F": F_READINGS, "D": D_READINGS}
SCALES = ("rank", "value", "log2", "order", "bins")
GRIDS = (1, 2)  # all of 4..8, or 4, 6, 8


def rounders(grid):
    def up(x):  # one unit in the last place of the fraction must not lift a whole level
        return math.ceil(x - 1e-9)

    def down(x):
        return math.floor(x + 1e-9)

    return {
        "none": lambda x: x,
        "half up": lambda x: grid * down(x / grid + 0.5),
        "half even": lambda x: grid * round(round(x / grid, 9)),
        "half down": lambda x: grid * up(x / grid - 0.5),
        "floor": lambda x: grid * down(x / grid),
        "ceil": lambda x: grid * up(x / grid),
    }


def mappings():
    """(name, function from fractions to the bits of C+ and of C-)."""
    for scale, grid in itertools.product(SCALES, GRIDS):
        for name, rounder in rounders(grid).items():
            if name == "none" and grid != 1:
                continue
            for mirror in (True, False):
                if mirror is False and name == "none":
                    continue
                rule = "mirrored" if mirror else "each rounded"
                yield (scale, grid, name, rule), rounder


MAPPINGS = list(mappings())


def bits_pair(mapping, rounder, values):
    places = fractions(mapping[0], values)
    if places is None:
        return [MIDDLE] * len(values), [MIDDLE] * len(values)
    plus = [rounder(LOW + (HIGH - LOW) * p) for p in places]
    if mapping[3] == "mirrored":
        return plus, [LOW + HIGH - b for b in plus]
    return plus, [rounder(HIGH - (HIGH - LOW) * p) for p in places]


# --- Size -------------------------------------------------------------------------------------------------------

# Of each: elements with the layer's bits, and bits that no strategy changes.
CONTENTS = {
    "weights": lambda l: (l.weights, 0),
    "weights, batch norm 2*32 bits/channel": lambda l: (l.weights, 64 * l.outputs),
    "weights, 4*32 bits/channel (batch norm 4, or 2 with scale and zero point)": lambda l: (l.weights, 128 * l.outputs),
    "weights, batch norm at the layer's bits": lambda l: (l.weights + 2 * l.outputs, 0),
    "weights, 6*32 bits/channel (batch norm 4, scale, zero point)": lambda l: (
        l.weights, 192 * l.outputs),
    "weights and activations in (1 image)": lambda l: (l.weights + l.entering, 0),
    "weights and activations out (1 image)": lambda l: (l.weights + l.leaving, 0),
    "weights, activations in and out": lambda l: (l.weights + l.entering + l.leaving, 0),
    "activations in": lambda l: (l.entering, 0),
    "activations out": lambda l: (l.leaving, 0),
    "weights and activations in, batch 128": lambda l: (l.weights + BATCH * l.entering, 0),
    "mean bits of the layers": lambda l: (1, 0),
    "MACs": lambda l: (l.macs, 0),
}
# 128 bits a channel are also two batch norm parameters, a scale and a zero point.
OUTSIDE = {"not counted": 0, "6 bits": 6, "8 bits": 8, "16 bits": 16, "32 bits": 32}


# --- Tests ------------------------------------------------------------------------------------------------------

def error(factor, ratios):
    """Largest distance of the pair from the printed one with U scaled to 1.12."""
    return max(abs(UNIFORM * r - p) for r, p in zip(ratios, PRINTED[factor]))


def unit_interval(factor, ratios):
    """Sizes that U may have, within its own rounding, so that the pair rounds to the printed one."""
    low, high = UNIFORM - HALF, UNIFORM + HALF
    for ratio, printed in zip(ratios, PRINTED[factor]):
        low, high = max(low, (printed - HALF) / ratio), min(high, (printed + HALF) / ratio)
    return low, high


def unit_interval_without_u(factor, ratios):
    """Likewise for a U of any size."""
    bounds = [((p - HALF) / r, (p + HALF) / r) for r, p in zip(ratios, PRINTED[factor])]
    return max(b[0] for b in bounds), min(b[1] for b in bounds)


def slope_interval(uniform, pairs):
    """Shares k of U (0 < k <= U, the rest a constant) with which U + k*(ratio - 1) rounds to the printed figure."""
    low, high = 1e-6, uniform
    for factor, ratios in pairs:
        for ratio, printed in zip(ratios, PRINTED[factor]):
            below, above = printed - HALF - uniform, printed + HALF - uniform
            change = ratio - 1
            if abs(change) < 1e-12:
                if below > 0 or above < 0:
                    return 1, 0
            elif change > 0:
                low, high = max(low, below / change), min(high, above / change)
            else:
                low, high = max(low, above / change), min(high, below / change)
    return low, high


# Sizes of U tried with a constant: the printed 1.12 and its rounding.
UNIFORMS = [1.115 + 0.0005 * i for i in range(21)]


def with_constant(pairs):
    """Is there a constant part? Tried at 21 sizes of U."""
    for uniform in UNIFORMS:
        low, high = slope_interval(uniform, pairs)
        if low <= high:
            return uniform, (low + high) / 2
    return None


def contexts():
    """(names, all layers, layers that take part, weights of the size, constant) of every network and size."""
    for shortcut, classes in itertools.product("BA", (10, 100)):
        layers = resnet20(shortcut, classes)
        kinds = ["stem", "fc"] + (["shortcut"] if shortcut == "B" else [])
        for left_out in itertools.chain.from_iterable(
                itertools.combinations(kinds, n) for n in range(len(kinds) + 1)):
            part = [l for l in layers if l.kind not in left_out]
            rest = [l for l in layers if l.kind in left_out]
            sizes = []
            for outside, bits in OUTSIDE.items():
                if not rest and outside != "not counted":
                    continue
                for content, count in CONTENTS.items():
                    counted = part + (rest if bits else [])
                    constant = sum(count(l)[1] for l in counted) + sum(
                        bits * count(l)[0] for l in rest)
                    sizes.append(((content, outside), [count(l)[0] for l in part], constant))
            name = (f"shortcut {shortcut}", f"{classes} classes", "without " + ", ".join(left_out)
                    if left_out else "all layers")
            yield name, part, sizes


class Pair:
    """Sizes of C+ and C- relative to U, and the tests that they pass alone."""

    def __init__(self, factor, ratios):
        self.ratios = ratios
        self.error = error(factor, ratios)
        self.unit = unit_interval(factor, ratios)
        self.unit_without_u = unit_interval_without_u(factor, ratios)
        self.constant = with_constant_one(factor, ratios)
        self.hits = tuple((p - HALF) / (UNIFORM + HALF) <= r <= (p + HALF) / (UNIFORM - HALF)
                          for r, p in zip(ratios, PRINTED[factor]))


def overlap(*intervals):
    return max(i[0] for i in intervals) <= min(i[1] for i in intervals)


def rank(best, pairs, where):
    """Adds the nearest reading of each factor to the list of the best."""
    three = {k: min(pairs[k], key=lambda r: r[1].error) for k in "AFD"}
    errors = [r[1].error for r in three.values()]
    best.append((max(errors), sum(errors), where, three))
    if len(best) > 4000:
        best.sort(key=lambda b: b[:2])
        del best[300:]


class Result:
    """What the search has counted."""

    def __init__(self):
        self.networks = self.sizes = self.readings = 0
        self.one_unit = self.without_u = self.constant = self.f_and_d = 0
        self.examples = []
        self.f_and_d_examples = []
        self.total = dict.fromkeys("AFD", 0)
        self.figure = {(f, s): 0 for f in "AFD" for s in (0, 1)}
        self.unit, self.alone = dict.fromkeys("AFD", 0), dict.fromkeys("AFD", 0)
        self.nearest = {f: (9, None) for f in "AFD"}
        self.frequent = {f: {} for f in "AFD"}
        self.both_below = {}
        self.identity, self.identity_total = {}, 0
        self.best, self.best_stated, self.best_weights = [], [], []
        self.own_mapping, self.own_mapping_best = 0, (9, None)
        self.default = None

    def count_pair(self, factor, reading, pair, network, size, mapping):
        self.total[factor] += 1
        for strategy in (0, 1):
            self.figure[factor, strategy] += pair.hits[strategy]
        if pair.unit[0] <= pair.unit[1]:
            self.unit[factor] += 1
            key = (reading, mapping[0])
            self.frequent[factor][key] = self.frequent[factor].get(key, 0) + 1
        self.alone[factor] += pair.constant
        if pair.error < self.nearest[factor][0] - 1e-12:
            self.nearest[factor] = (pair.error, (network, size, mapping, reading, pair.ratios))
        if factor == "A" and max(pair.ratios) < 1 - 1e-9:
            self.both_below[mapping[2:]] = self.both_below.get(mapping[2:], 0) + 1

    def count_identity(self, pairs):
        """F/C+ = D/C- and F/C- = D/C+, each factor in the direction that the paper states."""
        self.identity_total += 1
        crossed = {}
        for name, pair in pairs["D"]:
            if "reversed" not in name:
                key = (round(pair.ratios[1], 9), round(pair.ratios[0], 9))
                crossed.setdefault(key, []).append(name)
        for name, pair in pairs["F"]:
            if "reversed" not in name:
                for other in crossed.get(tuple(round(x, 9) for x in pair.ratios), ()):
                    self.identity[name, other] = self.identity.get((name, other), 0) + 1

    def keep(self, example):
        if sum(e[0] == example[0] for e in self.examples) < 4:
            self.examples.append(example)

    def count_together(self, pairs, network, size, mapping):
        self.readings += len(pairs["A"]) * len(pairs["F"]) * len(pairs["D"])
        where = (network, size, mapping)

        def passing(kind, factors, test):
            chosen = ([r for r in pairs[k] if test(getattr(r[1], kind))] for k in factors)
            return itertools.product(*chosen)

        def ordered(interval):
            return interval[0] <= interval[1]

        for f, d in passing("unit", "FD", ordered):
            if overlap(f[1].unit, d[1].unit):
                self.f_and_d += 1
                self.f_and_d_examples.append((max(f[1].error, d[1].error), where, f, d))
        if len(self.f_and_d_examples) > 500:
            self.f_and_d_examples = sorted(self.f_and_d_examples, key=lambda e: (e[0], str(e[1])))[:6]
        for triple in passing("unit", "AFD", ordered):
            if overlap(*(r[1].unit for r in triple)):
                self.one_unit += 1
                self.keep(("one unit", where, triple))
        for triple in passing("unit_without_u", "AFD", ordered):
            if overlap(*(r[1].unit_without_u for r in triple)):
                self.without_u += 1
                self.keep(("without U", where, triple))
        for triple in passing("constant", "AFD", bool):
            if with_constant(tuple(zip("AFD", (r[1].ratios for r in triple)))):
                self.constant += 1
                self.keep(("with a constant", where, triple))
        stated = {k: [r for r in pairs[k] if "reversed" not in r[0]] for k in "AFD"}
        rank(self.best, pairs, where)
        rank(self.best_stated, stated, where)
        if size[0].startswith("weights") and "activations" not in size[0]:
            rank(self.best_weights, stated, where)

    def count_own_mappings(self, everything, network, size):
        """Readings in which each factor may have a mapping of its own."""
        three = {k: min(everything[k], key=lambda r: r[2].error) for k in "AFD"}
        worst = max(r[2].error for r in three.values())
        if worst < self.own_mapping_best[0]:
            self.own_mapping_best = (worst, (network, size, three))
        units = {k: [r[2].unit for r in everything[k] if r[2].unit[0] <= r[2].unit[1]] for k in "AFD"}
        starts = [low for k in "AFD" for low, _ in units[k]]
        self.own_mapping += any(
            all(any(low <= x <= high for low, high in units[k]) for k in "AFD") for x in starts)


DEFAULT = (("shortcut B", "10 classes", "all layers"), ("weights", "not counted"),
           ("rank", 1, "half up", "mirrored"))


def search():
    result = Result()
    for network, part, sizes in contexts():
        result.networks += 1
        result.sizes += len(sizes)
        vectors = {}
        for mapping, rounder in MAPPINGS:
            for factor, table in FACTORS.items():
                for reading, of in table.items():
                    plus, minus = bits_pair(mapping, rounder, values_of(of, part))
                    vectors[mapping, factor, reading] = (tuple(plus), tuple(minus))
        for size, elements, constant in sizes:
            uniform = MIDDLE * sum(elements) + constant
            ratio, known = {}, {}
            for bits in {b for pair in vectors.values() for b in pair}:
                ratio[bits] = (sum(map(mul, elements, bits)) + constant) / uniform
            everything = {k: [] for k in "AFD"}
            for mapping, _ in MAPPINGS:
                pairs = {k: [] for k in "AFD"}
                for factor, table in FACTORS.items():
                    for reading in table:
                        plus, minus = (ratio[b] for b in vectors[mapping, factor, reading])
                        # C+ and C- exchanged is the reading of the opposite direction.
                        for direction, ratios in (("", (plus, minus)), (" reversed", (minus, plus))):
                            key = (factor, ratios)
                            if key not in known:
                                known[key] = Pair(factor, ratios)
                            reading_name = reading + direction
                            result.count_pair(factor, reading_name, known[key], network, size, mapping)
                            pairs[factor].append((reading_name, known[key]))
                            everything[factor].append((mapping, reading_name, known[key]))
                result.count_identity(pairs)
                result.count_together(pairs, network, size, mapping)
                if (network, size, mapping) == DEFAULT:
                    result.default = pairs
            result.count_own_mappings(everything, network, size)
    for best in (result.best, result.best_stated, result.best_weights):
        best.sort(key=lambda b: b[:2])
    result.f_and_d_examples.sort(key=lambda e: (e[0], str(e[1])))
    return result


def with_constant_one(factor, ratios):
    """Can the pair alone round to the printed one if a constant is granted? Signs decide most."""
    for ratio, printed in zip(ratios, PRINTED[factor]):
        if (ratio - 1) * (printed - UNIFORM) <= 0:
            return False
    return with_constant(((factor, ratios),)) is not None


def figures(ratios):
    return " ".join(f"{UNIFORM * r:.3f}" for r in ratios)


def line(worst, pairs, text):
    """One reading with its six figures."""
    print(f"  {worst:.4f}   {'  '.join(figures(pairs[k].ratios) for k in 'AFD')}   {text}")


def report(r):
    print("Model sizes of ResNet-20, 4 to 8 bits (Shen, Lai, Zhang 2024): which reading gives the printed ones?")
    print("Printed: U 1.12; A/C+ 1.08, A/C- 1.01; F/C+ 1.05, F/C- 1.20; D/C+ 1.20, D/C- 1.05. Sizes below have U = 1.12.")
    print()
    print("Dimensions")
    print(f"  network, layers that take part  {r.networks:>4}   shortcut A (no weights) or B (1x1), 10 or 100 classes, with and without stem,")
    print("                                         classifier, shortcuts")
    print(f"  these and what the size counts  {r.sizes:>4}   {len(CONTENTS)} contents; other layers not counted, 6, 8, 16, 32 bits:")
    print(f"                                         {'; '.join(CONTENTS)}")
    print(f"  factor to bits                  {len(MAPPINGS):>4}   scale {', '.join(SCALES)}; levels 4..8 or 4,6,8; rounding none, half up, half")
    print("                                         even, half down, floor, ceil; C- mirrored or rounded itself")
    for factor, table in FACTORS.items():
        print(f"  {factor}, in both directions          {2 * len(table):>4}   {'; '.join(table)}")
    print(f"  readings in all: {r.readings:,}")
    print()
    print("Readings that reproduce")
    print(f"  U and the six figures, one unit                       {r.one_unit:,}")
    print(f"  the six figures, U of any bits                        {r.without_u:,}")
    print(f"  U and the six figures, one unit and a constant part   {r.constant:,}")
    print(f"  U, F and D (A left out), one unit                     {r.f_and_d:,}")
    chance = r.readings * math.prod(r.unit[k] / r.total[k] for k in "AFD")
    print(f"  expected in the first line by chance, were A, F and D independent: at most {chance:.0f}")
    print(f"  with another mapping for each factor: in {r.own_mapping} of the {r.sizes} networks and sizes")
    for kind, where, triple in r.examples:
        print(f"    {kind}: {'  '.join(figures(x[1].ratios) for x in triple)}   {name(*where)}")
        print(f"      A {triple[0][0]}; F {triple[1][0]}; D {triple[2][0]}")
    print()
    print("Best readings: largest error of the six figures; A/C+ A/C- F/C+ F/C- D/C+ D/C-")
    for title, best in (("of all", r.best), ("C+ and C- in the stated directions", r.best_stated),
                        ("likewise, and the size counts parameters only", r.best_weights)):
        print(f"  {title}")
        shown = set()
        for worst, _, where, three in best:
            key = tuple(figures(three[k][1].ratios) for k in "AFD")
            if key in shown or len(shown) == 4:
                continue
            shown.add(key)
            line(worst, {k: three[k][1] for k in "AFD"}, name(*where))
            print(f"           {'; '.join(k + ' ' + three[k][0] for k in 'AFD')}")
    worst, (network, size, three) = r.own_mapping_best
    line(worst, {k: three[k][2] for k in "AFD"}, "each factor another mapping: " + name(network, size))
    for k in "AFD":
        print(f"           {k} {three[k][1]}: {', '.join(map(str, three[k][0]))}")
    print()
    print("Figure by figure: readings (of those of the factor) that round to it")
    for (factor, strategy), hits in r.figure.items():
        print(f"  {factor}/C{'+-'[strategy]} {PRINTED[factor][strategy]:.2f}  {hits:>8,} of {r.total[factor]:,}")
    print("Both figures of a factor: with one unit, with a constant part; the nearest; the most frequent readings and scales")
    for factor in "AFD":
        wrong, where = r.nearest[factor]
        print(f"  {factor}  {r.unit[factor]:>7,}  {r.alone[factor]:>8,}   {wrong:.4f}: {figures(where[4])}, {where[3]}; {name(*where[:3])}")
        for (reading, scale), hits in sorted(r.frequent[factor].items(), key=lambda h: (-h[1], h[0]))[:6]:
            print(f"        {hits:>6,}  {reading}, {scale}")
    print("F and D together, one unit")
    for worst, where, f, d in r.f_and_d_examples[:6]:
        print(f"  {worst:.4f}   {figures(f[1].ratios)}  {figures(d[1].ratios)}   F {f[0]}; D {d[0]}; {name(*where)}")
    print()
    print("A with C+ and C- both smaller than U, as printed, by rounding and rule")
    for key, hits in sorted(r.both_below.items()):
        print(f"  {', '.join(key)}: {hits:,} of {r.total['A']:,}")
    if not any(key[1] == "mirrored" for key in r.both_below):
        print("  mirrored: never, as C+ and C- then add up to 2U (printed: 2.09 against 2.24)")
    print()
    print(f"F/C+ = D/C- and F/C- = D/C+ exactly, in the stated directions; of {r.identity_total:,} networks, sizes and mappings")
    for (f, d), hits in sorted(r.identity.items(), key=lambda h: (-h[1], h[0]))[:12]:
        print(f"  {hits:>7,}  F {f} = D {d}")
    print()
    print("Readings at hwsim's choice of the rest: " + name(*DEFAULT))
    for factor in "AFD":
        for reading, pair in r.default[factor]:
            if "reversed" not in reading:
                print(f"  {factor}  {figures(pair.ratios)}   of U {pair.ratios[0]:.3f} {pair.ratios[1]:.3f}   {reading}")


def name(network, size, mapping=None):
    parts = list(network) + [size[0]]
    if size[1] != "not counted":
        parts.append(f"others {size[1]}")
    if mapping:
        scale, grid, rounding, rule = mapping
        parts.append(f"{scale}, step {grid}, {rounding}, {rule}")
    return "; ".join(parts)


if __name__ == "__main__":
    report(search())
