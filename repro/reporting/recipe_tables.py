"""Candidate recipes, and how near each comes to the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from repro.reporting.markup import markdown_table
from repro.reporting.terminal import plain_table
from repro.spec import REPORT_RECIPES
from repro.verdicts.recipes import CandidateScore, CellSpread

_FIT_HEADINGS = (
    "", "Optimiser", "Batch", "Pixels", "Dropout", "Cells", "n", "RMS", "By seed", "Mean", "Max",
)  # fmt: skip

WEIGHTS_AFTER = {"xavier": "Glorot", "he": "He"}
"""Whose distribution initial weights have, where it is not torch's default."""
_PIXELS = {"unit": "0 to 1", "symmetric": "-1 to 1", "imagenet": "ImageNet"}

_SPREAD_HEADINGS = ("Cell", "Report", "Recipes", "Least", "Most", "SD")


def fits_to_rich(fits: Sequence[CandidateScore]) -> RenderableType:
    """Candidate recipes, the nearest first, for a terminal of 80 columns."""
    grid = plain_table(*_FIT_HEADINGS, left=("", "Optimiser", "Pixels", "Dropout"))
    for fit in fits:
        grid.add_row(*_fit_row(fit))
    return grid


def spreads_to_rich(spreads: Sequence[CellSpread]) -> RenderableType:
    """What the recipe alone can move, a line a cell."""
    grid = plain_table(*_SPREAD_HEADINGS, left=("Cell",))
    for spread in spreads:
        grid.add_row(*_spread_row(spread))
    return grid


def recipes_to_markdown(fits: Sequence[CandidateScore], spreads: Sequence[CellSpread]) -> str:
    """Both as Markdown, or the candidates alone where there are no `spreads`."""
    fit_table = markdown_table(_FIT_HEADINGS, map(_fit_row, fits), right=(2, *range(5, 11)))
    if not spreads:
        return fit_table
    spread_table = markdown_table(_SPREAD_HEADINGS, map(_spread_row, spreads), right=range(1, 6))
    return f"{fit_table}\n\n{spread_table}"


def _fit_row(fit: CandidateScore) -> list[str]:
    recipe, by_seed = fit.candidate, fit.rms_by_seed.values()
    has_improved = any(name.startswith("improved@") for name in fit.differences)
    return [
        "*" if recipe == REPORT_RECIPES["net-relu"] else "",
        ", ".join([f"{recipe.optimiser} {recipe.learning_rate:g}", *_changes(fit)]),
        str(recipe.batch_size),
        _PIXELS[recipe.pixels],
        ("on" if fit.dropout_left_on else "off") if has_improved else "–",
        str(len(fit.differences)),
        str(fit.seeds),
        f"{fit.rms:.4f}",
        f"{min(by_seed):.3f}–{max(by_seed):.3f}" if len(by_seed) > 1 else "–",
        f"{fit.mean:.4f}",
        f"{fit.largest:.4f}",
    ]


def _changes(fit: CandidateScore) -> Iterator[str]:
    """What else a candidate does otherwise than most."""
    recipe = fit.candidate
    if recipe.momentum:
        yield f"m {recipe.momentum:g}"
    if recipe.training_images == "all":
        yield "all images"
    if recipe.order == "fixed":
        yield "not shuffled"
    if recipe.jpeg_quality:
        yield f"JPEG {recipe.jpeg_quality}"
    if recipe.initial_weights != "torch":
        yield WEIGHTS_AFTER[recipe.initial_weights]
    if fit.norm_batch:
        yield f"batch norm by {fit.norm_batch}"


def _spread_row(spread: CellSpread) -> list[str]:
    return [
        spread.cell,
        f"{spread.expected:.4f}",
        str(spread.candidates),
        f"{spread.least:.4f}",
        f"{spread.most:.4f}",
        "–" if spread.sd is None else f"{spread.sd:.4f}",
    ]
