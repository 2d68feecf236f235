"""What is said of the search's decision, in words."""

from __future__ import annotations

import pytest

from repro.reporting.search_tables import decision_text
from repro.spec import FITTING_SEEDS
from repro.verdicts.recipes import CANDIDATES, CandidateScore
from repro.verdicts.search import Decision, RecipeSearch, StageResult
from repro.verdicts.stages import IN_USE

OTHER = next(c for c in CANDIDATES if (c.optimiser, c.batch_size, c.pixels) == ("adam", 4, "unit"))


def score(candidate, *differences):
    by_seed = dict(zip(FITTING_SEEDS, differences, strict=True))
    return CandidateScore(candidate=candidate, dropout_left_on=True, by_seed={"a": by_seed})


def search(nearest, second, gain=0.0, error=0.0, *, entered=2):
    in_use = next(each for each in (nearest, second) if each.candidate == IN_USE)
    stage = StageResult(number=5, seeds=3, cells=17, entered=entered, ranked=[nearest, second])
    decision = Decision(in_use=in_use, nearest=nearest, gain=gain, standard_error=error)
    return RecipeSearch(fits=[], spreads=[], stages=[stage], decision=decision)


OURS, THEIRS = score(IN_USE, 0.02, 0.02, 0.02), score(OTHER, 0.03, 0.03, 0.03)
NEAR = score(OTHER, 0.01, 0.01, 0.01)


@pytest.mark.parametrize(
    ("found", "english", "chinese"),
    [
        (
            search(OURS, THEIRS),
            "Over all cells the recipe in use scores 0.0200 and is the nearest of the last stage; the "
            "next (Adam 0.001; batches of 4; pixels in [0, 1]) scores 0.0300. So the recipe in use "
            "stays.",
            "就全部数值而言，现用设置在最后阶段中最接近报告，得分为 0.0200；其次（Adam 0.001，批大小 4，"
            "像素缩放到 [0, 1]）得分为 0.0300。因此保留现用设置。",
        ),
        (
            search(NEAR, OURS, 0.01, 0.006),
            "Over all cells the nearest candidate (Adam 0.001; batches of 4; pixels in [0, 1]) scores "
            "0.0100, the recipe in use 0.0200. It is better by 0.0100 ± 0.0060 (standard error), not by more than twice "
            "that error: the recipe in use stays.",
            "就全部数值而言，最接近的候选设置（Adam 0.001，批大小 4，像素缩放到 [0, 1]）得分为 0.0100，现用设置得分为 "
            "0.0200。两者相差 0.0100 ± 0.0060（标准误），未超过标准误的两倍，因此保留现用设置。",
        ),
        (
            search(NEAR, OURS, 0.01, 0.004),
            "Over all cells the nearest candidate (Adam 0.001; batches of 4; pixels in [0, 1]) scores "
            "0.0100, the recipe in use 0.0200. It is better by 0.0100 ± 0.0040 (standard error), more than twice that "
            "error: it replaces the recipe in use.",
            "就全部数值而言，最接近的候选设置（Adam 0.001，批大小 4，像素缩放到 [0, 1]）得分为 0.0100，现用设置得分为 "
            "0.0200。两者相差 0.0100 ± 0.0040（标准误），超过标准误的两倍，因此取代现用设置。",
        ),
        (
            RecipeSearch(fits=[], spreads=[], stages=[], decision=None),
            "Nothing is decided yet: the last stage is not complete.",
            "尚未决定：最后一个阶段还没有完成。",
        ),
    ],
    ids=["stays the nearest", "not surely better", "replaces", "not complete"],
)
def test_the_decision_in_words(found, english, chinese):
    assert decision_text(found, "en") == english
    assert decision_text(found, "zh") == chinese
