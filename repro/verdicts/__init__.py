"""What our runs say of the report: statistics, cells, claims, patterns, and the recipe search."""

from repro.verdicts.cells import Cell, load_cells, select_cells
from repro.verdicts.judging import Verdict, VerdictKind, judge, judge_all, judge_records
from repro.verdicts.statistics import Spread, holm, p_value, pool, prediction_interval

__all__ = [
    "Cell", "Spread", "Verdict", "VerdictKind", "holm", "judge", "judge_all", "judge_records",
    "load_cells", "p_value", "pool", "prediction_interval", "select_cells",
]  # fmt: skip
