"""The recipe search, stage by stage, and what it decided."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from repro.reporting.language import Language, choose, translate
from repro.reporting.markup import markdown_table
from repro.reporting.recipe_tables import (
    WEIGHTS_AFTER,
    fits_to_rich,
    recipes_to_markdown,
    spreads_to_rich,
)
from repro.reporting.terminal import plain_table
from repro.spec import Recipe
from repro.verdicts.recipes import CandidateScore
from repro.verdicts.search import RecipeSearch, StageResult

_HEADINGS = ("Stage", "Candidates", "Cells", "Seeds", "Nearest", "In use", "Rank")


def search_to_rich(
    found: RecipeSearch, listed: Sequence[CandidateScore], lang: Language, *, shared: bool
) -> RenderableType:
    """The stages, what is decided, the candidates in `listed` and the spread of each cell, for a
    terminal of 80 columns. With `shared` the candidates alone, and their cells."""
    if shared:
        cells = ", ".join(listed[0].differences)
        return Group(fits_to_rich(listed), f"\nscored on the cells they all have: {cells}")
    grid = plain_table(*_HEADINGS, left=(), lang=lang)
    for stage in found.stages:
        grid.add_row(*_row(stage))
    return Group(
        grid, f"\n{decision_text(found, lang)}\n", fits_to_rich(listed),
        f"\n{found.candidates} candidates; spread of each cell across recipes:\n",
        spreads_to_rich(found.spreads),
    )  # fmt: skip


def search_to_markdown(
    found: RecipeSearch, listed: Sequence[CandidateScore], lang: Language, *, shared: bool
) -> str:
    """The same as Markdown."""
    if shared:
        return recipes_to_markdown(listed, ())
    stages = stages_to_markdown(found.stages, lang)
    tables = recipes_to_markdown(listed, found.spreads)
    return "\n\n".join([stages, decision_text(found, lang), tables])


def stages_to_markdown(stages: Sequence[StageResult], lang: Language) -> str:
    """A row for each stage, as Markdown."""
    headings = [translate(each, lang) for each in _HEADINGS]
    return markdown_table(headings, map(_row, stages), right=range(len(headings)))


def _row(stage: StageResult) -> list[str]:
    facts = [str(stage.cells), str(stage.seeds)]
    if not stage.is_complete:  # those that are missing may be nearer
        return [str(stage.number), f"{len(stage.ranked)}/{stage.entered}", *facts, "–", "–", "–"]
    nearest = f"{stage.ranked[0].rms:.4f}"
    in_use = (f"{stage.in_use.rms:.4f}", str(stage.place)) if stage.in_use else ("–", "–")
    return [str(stage.number), str(stage.entered), *facts, nearest, *in_use]


def decision_text(found: RecipeSearch, lang: Language) -> str:
    """What the rule of docs/recipe-search.md says, in a sentence or two; before the last stage is
    complete, that it is not."""
    decision = found.decision
    if decision is None:
        return choose(
            lang,
            en="Nothing is decided yet: the last stage is not complete.",
            zh="尚未决定：最后一个阶段还没有完成。",
        )
    if decision.nearest.candidate == decision.in_use.candidate:
        following = found.stages[-1].ranked[1]
        next_one = describe_recipe(following.candidate, lang)
        return choose(
            lang,
            en=f"Over all cells the recipe in use scores {decision.in_use.rms:.4f} and is the "
            f"nearest of the last stage; the next ({next_one}) scores {following.rms:.4f}. So the "
            "recipe in use stays.",
            zh=f"就全部数值而言，现用设置在最后阶段中最接近报告，得分为 {decision.in_use.rms:.4f}；"
            f"其次（{next_one}）得分为 {following.rms:.4f}。因此保留现用设置。",
        )
    nearest = describe_recipe(decision.nearest.candidate, lang)
    scores = choose(
        lang,
        en=f"Over all cells the nearest candidate ({nearest}) scores {decision.nearest.rms:.4f}, "
        f"the recipe in use {decision.in_use.rms:.4f}. ",
        zh=f"就全部数值而言，最接近的候选设置（{nearest}）得分为 {decision.nearest.rms:.4f}，"
        f"现用设置得分为 {decision.in_use.rms:.4f}。",
    )
    gain = f"{decision.gain:.4f} ± {decision.standard_error:.4f}"
    if decision.replaces:
        return scores + choose(
            lang,
            en=f"It is better by {gain} (standard error), more than twice that error: it replaces "
            "the recipe in use.",
            zh=f"两者相差 {gain}（标准误），超过标准误的两倍，因此取代现用设置。",
        )
    return scores + choose(
        lang,
        en=f"It is better by {gain} (standard error), not by more than twice that error: the "
        "recipe in use stays.",
        zh=f"两者相差 {gain}（标准误），未超过标准误的两倍，因此保留现用设置。",
    )


def describe_recipe(recipe: Recipe, lang: Language) -> str:
    """A candidate in words: optimiser, batch size, scaling of pixels and what else it changes."""
    momentum = f", {translate('momentum', lang)} {recipe.momentum:g}" if recipe.momentum else ""
    parts = [
        f"{recipe.optimiser.upper() if recipe.optimiser == 'sgd' else recipe.optimiser.title()} "
        f"{recipe.learning_rate:g}{momentum}",
        choose(lang, en=f"batches of {recipe.batch_size}", zh=f"批大小 {recipe.batch_size}"),
        {
            "unit": choose(lang, en="pixels in [0, 1]", zh="像素缩放到 [0, 1]"),
            "symmetric": choose(lang, en="pixels in [-1, 1]", zh="像素缩放到 [-1, 1]"),
            "imagenet": choose(
                lang, en="pixels by ImageNet's statistics", zh="按 ImageNet 统计量标准化像素"
            ),
        }[recipe.pixels],
    ]
    if recipe.training_images == "all":
        parts.append(choose(lang, en="all 50,000 images", zh="使用全部 50,000 张图像"))
    if recipe.order == "fixed":
        parts.append(choose(lang, en="no shuffling", zh="不打乱顺序"))
    if recipe.jpeg_quality:
        parts.append(choose(
            lang, en=f"training images in JPEG quality {recipe.jpeg_quality}",
            zh=f"训练图像经 JPEG 压缩（质量 {recipe.jpeg_quality}）",
        ))  # fmt: skip
    if recipe.initial_weights != "torch":
        name = WEIGHTS_AFTER[recipe.initial_weights]
        parts.append(choose(
            lang, en=f"initial weights after {name}", zh=f"{name} 初始化"
        ))  # fmt: skip
    return choose(lang, en="; ".join(parts), zh="，".join(parts))
