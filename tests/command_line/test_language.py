"""Which language a command speaks."""

from __future__ import annotations

import pytest

from tests.chinese import HALF_WIDTH
from tests.command_line.shell import complains, repro

CHINESE_LOCALE = {"REPRO_LANG": "", "LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}


@pytest.mark.parametrize(
    ("words", "chinese"),
    [
        ("table 3-4 --recorded", "判定"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [
                ("claims --recorded --format md", "报告称"),
                ("table 3-4 --recorded --format md", "判定"),
                ("claims --recorded", "报告称"),
                ("patterns --recorded", "一组数值"),
            ]
        ),
        ("figure list", "卷积"),
    ],
)
def test_the_environment_decides_the_language_and_the_option_before_it(home, words, chinese):
    for more in (CHINESE_LOCALE, {"REPRO_LANG": "zh"}):
        shown = repro(home, *words.split(), **more).stdout
        assert chinese in shown
        assert not HALF_WIDTH.search(shown)
        assert chinese not in repro(home, *words.split(), "--lang", "en", **more).stdout
    english = {**CHINESE_LOCALE, "REPRO_LANG": "en"}
    assert chinese not in repro(home, *words.split(), **english).stdout


@pytest.mark.parametrize(
    "words",
    [
        "table 3-4 --recorded --format json",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in [
                "table 3-4 --recorded --format csv", "claims --recorded --format json",
                "patterns --recorded --format json",
            ]
        ),
    ],
)  # fmt: skip
def test_what_programs_read_is_the_same_in_every_language(home, words):
    chinese = repro(home, *words.split(), REPRO_LANG="zh").stdout
    assert chinese == repro(home, *words.split()).stdout


@pytest.mark.parametrize(
    "words", ["table 3-4 --recorded", "claims --recorded", "patterns", "figure", "report"]
)
def test_an_unknown_repro_lang_is_one_line(home, words):
    done = repro(home, *words.split(), REPRO_LANG="fr")
    complains(done, 2, "REPRO_LANG: expected en or zh; got 'fr'")
    assert len(done.stderr.splitlines()) == 1
    assert not home.exists()
