"""Whole patterns of the report's figures beside ours: what no cell shows by itself.

A cell asks whether one figure could be one of ours. A pattern asks it of several figures together:
all cells, the four rows of a model, how much a model gains from one row to a later one, how far an
activation is ahead of another. The report does not say whether the rows of a column come from one
run or from four, nor whether two columns share a seed, so each pattern is judged both ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repro.runs.records import RunRecord
from repro.runs.selection import readings_by_seed
from repro.spec import REPORT_RECIPES
from repro.verdicts.cells import Cell
from repro.verdicts.statistics import ROUNDING, Spread

Floats = npt.NDArray[np.float64]

DRAWS = 20_000
"""Simulations of a p value, whose standard error is then 0.0015 at 0.05."""

REFERENCE = "net-relu"
OTHERS = ("net-leaky_relu", "net-swish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Several figures together, and how often chance alone makes them differ from ours so much."""

    kind: str
    """"all", "rows", "gain" or "activations"."""
    models: tuple[str, ...]
    """One, or the two that are compared; none for all."""
    rows: tuple[int, ...]
    """The epochs that it is about: two for a gain, one for activations."""
    report: float | None
    """The report's difference; None where several figures have no single one."""
    ours: float | None
    shared: float
    """p, two-sided, where the rows of a column come from one run, and columns share a seed."""
    apart: float
    """p where each figure comes from a run of its own."""


@dataclass(frozen=True, slots=True)
class _Network:
    """The runs of one architecture's models that have all of its rows."""

    rows: tuple[int, ...]
    runs: Mapping[str, Floats]
    """By the model: accuracies (seeds, rows)."""
    seeds: Mapping[str, Sequence[int]]
    """By the model: the seeds of its runs."""
    report: Mapping[str, Floats]
    """By the model: the report's figures (rows,)."""

    @property
    def covariance(self) -> Floats:
        """Of the rows of one run, (rows, rows): pooled over the models."""
        degrees = sum(len(runs) - 1 for runs in self.runs.values())
        centred = (runs - runs.mean(0) for runs in self.runs.values())
        total: Floats = sum((each.T @ each for each in centred), np.zeros((len(self.rows),) * 2))
        return total / degrees


def find_patterns(cells: Iterable[Cell], records: Iterable[RunRecord]) -> list[Pattern]:
    """Every pattern of the models that have two seeds or more, the widest first."""
    networks = _networks(list(cells), records)
    if not networks:
        return []
    random = np.random.Generator(np.random.PCG64(0))
    ways = {way: [_simulate(each, way, random) for each in networks] for way in ("shared", "apart")}
    seen = [_statistics(net, net.runs, net.report) for net in networks]
    out = [
        Pattern(
            kind="all", models=(), rows=(), report=None, ours=None,
            shared=_p(_total(seen), _total(ways["shared"])),
            apart=_p(_total(seen), _total(ways["apart"])),
        )
    ]  # fmt: skip
    for number, net in enumerate(networks):
        shared, apart = ways["shared"][number], ways["apart"][number]
        for model in net.runs if len(net.rows) > 1 else ():
            out += [
                _pattern(net, key, (_p(each, shared[key]), _p(each, apart[key])))
                for key, each in seen[number].items()
                if key[1] == model
            ]
    return out + [each for net in networks for each in _between_activations(net)]


def _networks(cells: Sequence[Cell], records: Iterable[RunRecord]) -> list[_Network]:
    expected = {cell.name: cell.expected for cell in cells}
    rows: dict[str, tuple[int, ...]] = {}
    for cell in cells:
        rows[cell.model] = tuple(sorted({*rows.get(cell.model, ()), cell.row}))
    runs: dict[str, dict[int, list[float]]] = {}
    for model, seed, read in readings_by_seed(records):
        if model in rows and all(row in read for row in rows[model]):
            runs.setdefault(model, {})[seed] = [read[row] for row in rows[model]]
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for model, of_model in rows.items():
        if len(runs.get(model, ())) > 1:
            key = REPORT_RECIPES[model].architecture, of_model
            groups.setdefault(key, []).append(model)
    networks = [
        _Network(
            rows=of_group,
            runs={model: np.array([*runs[model].values()]) for model in models},
            seeds={model: [*runs[model]] for model in models},
            report={m: np.array([expected[f"{m}@{row}"] for row in of_group]) for m in models},
        )
        for (_, of_group), models in groups.items()
    ]
    # Runs without any spread tell nothing of chance.
    return [net for net in networks if np.diag(net.covariance).max() > ROUNDING**2]


_Key = tuple[str, str, tuple[int, ...]]
"""The kind of a pattern ("rows" or "gain"), its model, and its rows."""
_Statistics = Mapping[_Key, Floats]
"""The sum of squared scaled differences over all rows, or the scaled difference of two; of each
simulation."""


def _statistics(
    net: _Network, runs: Mapping[str, Floats], report: Mapping[str, Floats]
) -> _Statistics:
    """`runs` are (..., seeds, rows) and `report` (..., rows)."""
    variances = [(each.var(-2, ddof=1).mean(-1), each.shape[-2] - 1) for each in runs.values()]
    pooled = sum(v * degrees for v, degrees in variances) / sum(d for _, d in variances)
    out: dict[_Key, Floats] = {}
    for model, values in runs.items():
        scale = np.sqrt(pooled * (1 + 1 / values.shape[-2]))
        difference = (report[model] - values.mean(-2)) / scale[..., None]
        out["rows", model, net.rows] = np.square(difference).sum(-1)
        for at, row in enumerate(net.rows[1:], 1):
            gain = np.abs(difference[..., at] - difference[..., 0])
            out["gain", model, (net.rows[0], row)] = gain
    return out


def _simulate(net: _Network, way: str, random: np.random.Generator) -> _Statistics:
    """The statistics of simulated reports that are runs like ours, beside as many seeds as ours."""
    covariance = net.covariance
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))

    def run(*shape: int) -> Floats:
        drawn: Floats = random.standard_normal((*shape, len(net.rows))) @ root.T
        return drawn

    ours = {model: run(DRAWS, len(runs)) for model, runs in net.runs.items()}
    if way == "shared":
        theirs = {model: run(DRAWS) for model in net.runs}
    else:
        deviations = np.sqrt(np.diag(covariance))
        theirs = {
            model: random.standard_normal((DRAWS, len(net.rows))) * deviations for model in net.runs
        }
    return _statistics(net, ours, theirs)


def _total(networks: Iterable[_Statistics]) -> Floats:
    """Over all cells of all networks."""
    of_all_rows = [each[key] for each in networks for key in each if key[0] == "rows"]
    total: Floats = np.sum(of_all_rows, axis=0)
    return total


def _p(seen: Floats, simulated: Floats) -> float:
    """The share of simulations that differ as much or more, the seen one among them."""
    return (1 + int((simulated >= seen).sum())) / (1 + len(simulated))


def _pattern(net: _Network, key: _Key, p_values: tuple[float, float]) -> Pattern:
    kind, model, rows = key
    report = ours = None
    if kind == "gain":
        at = [net.rows.index(row) for row in rows]
        report, ours = (
            float(values[at[1]] - values[at[0]])
            for values in (net.report[model], net.runs[model].mean(0))
        )
    return Pattern(
        kind=kind, models=(model,), rows=rows, report=report, ours=ours,
        shared=p_values[0], apart=p_values[1],
    )  # fmt: skip


def _between_activations(net: _Network) -> list[Pattern]:
    """Each other activation minus ReLU, row by row: paired by seed in ours.

    The spread of a paired difference is pooled over rows and pairs. Two figures of runs of their
    own differ by more: their variances add up.
    """
    others = [model for model in OTHERS if model in net.runs]
    common = sorted(set.intersection(*map(set, net.seeds.values())))
    if REFERENCE not in net.runs or not others or len(common) < 2:
        return []
    count = len(common)
    of = {
        model: net.runs[model][[net.seeds[model].index(seed) for seed in common]]
        for model in (REFERENCE, *others)
    }
    pairs = {model: of[model] - of[REFERENCE] for model in others}
    paired = Spread(
        math.sqrt(np.mean([each.var(0, ddof=1).mean() for each in pairs.values()])),
        len(pairs) * len(net.rows) * (count - 1),
    )
    single = math.sqrt(np.diag(net.covariance).mean())
    degrees = len(net.rows) * sum(len(runs) - 1 for runs in net.runs.values())
    own = Spread(math.sqrt(2 * single**2 + paired.sd**2 / count), degrees)
    same = Spread(paired.sd * math.sqrt(1 + 1 / count), paired.degrees)
    out = []
    for model, differences in pairs.items():
        stated, means = net.report[model] - net.report[REFERENCE], differences.mean(0)
        out += [
            Pattern(
                kind="activations", models=(model, REFERENCE), rows=(row,),
                report=float(theirs), ours=float(ours),
                shared=same.p_value(theirs - ours), apart=own.p_value(theirs - ours),
            )
            for row, theirs, ours in zip(net.rows, stated, means, strict=True)
        ]  # fmt: skip
    return out
