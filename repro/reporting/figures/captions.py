"""What some figures show, in a sentence that is computed from what they draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean

from repro.reporting.figures.accuracies import OUTSIDE, paired_differences
from repro.reporting.figures.style import MODEL_NAMES
from repro.reporting.language import Language, choose, translate
from repro.reporting.search_tables import decision_text
from repro.spec import READING_EPOCHS
from repro.verdicts.evidence import Evidence
from repro.verdicts.judging import VerdictKind, unique_primary

_TELLING = OUTSIDE | {VerdictKind.REPRODUCED}
"""Verdicts of cells whose interval is narrow enough to tell something."""
_SHORTEST = 50
"""Epochs of a run whose lowest validation loss says something about overfitting."""


def caption(name: str, evidence: Evidence, lang: Language) -> str:
    """What the figure called `name` shows of these runs; "" where nothing is said of it."""
    write = _WRITERS.get(name)
    return write(evidence, lang) if write else ""


def _differences(evidence: Evidence, lang: Language) -> str:
    kinds = [each.kind for each in unique_primary(evidence.verdicts) if each.kind in _TELLING]
    if not kinds:
        return ""
    inside, total = sum(kind not in OUTSIDE for kind in kinds), len(kinds)
    return choose(
        lang,
        en=f"{inside} of {total} intervals for one new run contain the report's value (0).",
        zh=f"{total} 个预测区间中，{inside} 个包含报告的数值（差值为 0）。",
    )


def _activations(evidence: Evidence, lang: Language) -> str:
    parts = []
    report = {cell.name: cell.expected for cell in evidence.cells}
    for model, words in (("net-leaky_relu", "Leaky ReLU"), ("net-swish", "Swish")):
        ours = [
            each for epoch in READING_EPOCHS
            for each in paired_differences(evidence, model, "net-relu", epoch).values()
        ]  # fmt: skip
        if not ours:
            return ""
        theirs = fmean(report[f"{model}@{e}"] - report[f"net-relu@{e}"] for e in READING_EPOCHS)
        parts.append(choose(
            lang, en=f"{words} {fmean(ours):+.4f} (report {theirs:+.4f})",
            zh=f"{words} 为 {fmean(ours):+.4f}（报告 {theirs:+.4f}）",
        ))  # fmt: skip
    return choose(
        lang, en=f"Mean difference from ReLU: {', '.join(parts)}.",
        zh=f"与 ReLU 的平均差值：{'，'.join(parts)}。",
    )  # fmt: skip


def _losses(evidence: Evidence, lang: Language) -> str:
    parts = []
    for model, name in MODEL_NAMES.items():
        runs = [run for run in evidence.runs(model) if len(run.epochs) >= _SHORTEST]
        lowest = [min(run.epochs, key=lambda each: each.validation_loss).epoch for run in runs]
        if lowest:
            first, last = min(lowest), max(lowest)
            span = f"{first}–{last}" if last > first else f"{first}"
            parts.append(choose(
                lang, en=f"{span} ({name})", zh=f"第 {span} 轮（{translate(name, 'zh')}）"
            ))  # fmt: skip
    if not parts:
        return ""
    return choose(
        lang,
        en=f"The validation loss is lowest after epochs {', '.join(parts)}. From there on the "
        "networks overfit by their loss, whatever their accuracy does.",
        zh=f"验证损失最低的轮数：{'，'.join(parts)}。此后从损失看，网络已经过拟合，"
        "即使精度没有下降。",
    )


def _recipe_search(evidence: Evidence, lang: Language) -> str:
    return decision_text(evidence.search, lang)


_WRITERS: Mapping[str, Callable[[Evidence, Language], str]] = {
    "differences": _differences,
    "activations": _activations,
    "losses": _losses,
    "recipe-search": _recipe_search,
}
