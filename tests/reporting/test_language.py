"""Which language a command answers in, and what its Chinese looks like."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest

from repro.errors import UsageError
from repro.reporting.language import resolve_language
from tests.chinese import CHINESE, HALF_WIDTH


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh"}, "zh"),
        (None, {"LANG": "ZH_TW"}, "zh"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {"LANG": "C"}, "en"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        (None, {"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        (None, {"LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "REPRO_LANG": "en"}, "en"),
        (None, {"LC_ALL": "en_GB.UTF-8", "REPRO_LANG": "zh"}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "REPRO_LANG": ""}, "zh"),
        ("en", {"REPRO_LANG": "zh", "LC_ALL": "zh_CN.UTF-8"}, "en"),
        ("zh", {"REPRO_LANG": "en"}, "zh"),
        ("zh", {"REPRO_LANG": "fr"}, "zh"),
    ],
)
def test_the_option_comes_before_repro_lang_and_that_before_the_locale(
    given, environment, expected
):
    assert resolve_language(given, environment) == expected


@pytest.mark.parametrize("unknown", ["fr", "zh_CN", "EN", " "])
def test_an_unknown_repro_lang_says_what_was_expected(unknown):
    with pytest.raises(UsageError, match="^REPRO_LANG: expected en or zh; got "):
        resolve_language(None, {"REPRO_LANG": unknown, "LANG": "zh_CN.UTF-8"})


ROOT = Path(__file__).parents[2]


def texts(tree):
    """Every string of a module; what an f-string fills in counts as a Chinese word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    part.value if isinstance(part, ast.Constant) else "\u5b57"
                    for part in node.values
                ),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def chinese_texts():
    """Where it stands, and the text: all Chinese of the code, the templates and the data."""
    for path in [ROOT / "cli.py", *(ROOT / "repro").rglob("*.py")]:
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            # An f-string that is all fillings and signs may be English.
            if CHINESE.search(text.replace("\u5b57", "")):
                yield f"{path.relative_to(ROOT)}:{line}", text
    for end in ("*.j2", "*.csv", "*.toml"):
        for folder in ("repro", "expected_results"):
            for path in (ROOT / folder).rglob(end):
                lines = path.read_text(encoding="utf-8").splitlines()
                if end == "*.csv":
                    lines = [cell for row in csv.reader(lines) for cell in row]
                for number, line in enumerate(lines, 1):
                    if CHINESE.search(line):
                        yield f"{path.relative_to(ROOT)}:{number}", line


def test_chinese_has_full_width_punctuation():
    found = list(chinese_texts())
    assert len(found) > 100
    assert [f"{where}: {text}" for where, text in found if HALF_WIDTH.search(text)] == []
