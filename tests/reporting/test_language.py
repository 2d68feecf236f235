"""Which language a command answers in, and what its Chinese looks like."""

from __future__ import annotations

import pytest

from repro.errors import UsageError
from repro.reporting.language import resolve_language


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
