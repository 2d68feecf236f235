"""Help pages in both languages."""

from __future__ import annotations

import re

import pytest
import typer.main
from rich.cells import cell_len

from repro.command_line.help import DEFAULTS
from repro.command_line.help_zh import HELP
from tests.chinese import HALF_WIDTH
from tests.command_line.shell import CLI, complains, repro, repro_process


def commands():
    """Every command, group and the application itself, each with the words that call it."""

    def walk(command, words):
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, (*words, name))

    return list(walk(typer.main.get_command(CLI.app), ()))


def english_texts():
    for _, command in commands():
        yield from (command.help, command.epilog)
        yield from (each.help for each in command.params)


def test_every_help_text_has_a_chinese_one_and_none_is_left_over():
    texts = {text for text in english_texts() if text}
    assert texts - HELP.keys() == set(), "no Chinese"
    assert HELP.keys() - texts == set(), "the English is gone"


def test_every_default_that_is_said_in_words_has_a_chinese_one():
    shown = {
        each.show_default
        for _, command in commands()
        for each in command.params
        if isinstance(getattr(each, "show_default", None), str)
    }
    assert shown == DEFAULTS.keys()


@pytest.mark.parametrize(("english", "chinese"), HELP.items())
def test_a_chinese_help_text_names_the_same_commands_options_and_numbers(english, chinese):
    assert not HALF_WIDTH.search(chinese)
    for pattern in (
        r"`[^`]+`",
        r"--[a-z-]+",
        r"\b\d+\b",
        r"REPRO_\w+",
        r"\b\w+\.(?:toml|csv|json|md)\b",
    ):
        assert sorted(re.findall(pattern, english)) == sorted(re.findall(pattern, chinese)), pattern


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_a_chinese_help_page_fits_80_columns_and_is_chinese(home, words):
    done = repro(home, *words, "--help", REPRO_LANG="zh")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    assert " 用法：" in done.stdout
    left = {
        "Usage",
        "Options",
        "Arguments",
        "Commands",
        "Rare options",
        "default",
        "Show this page",
    }
    assert not {word for word in left if word in done.stdout}


def test_help_is_in_the_language_of_the_environment_and_english_again_afterwards(home):
    assert "─ 选项 ─" in repro(home, "claims", "--help", REPRO_LANG="zh").stdout
    assert "─ Options ─" in repro(home, "claims", "--help").stdout
    by_locale = {"REPRO_LANG": "", "LC_ALL": "zh_CN.UTF-8"}
    assert "用法：" in repro_process(home, "--help", **by_locale).stdout


def test_an_unknown_language_is_said_before_any_help(home):
    complains(repro(home, "--help", REPRO_LANG="fr"), 2, "REPRO_LANG: expected en or zh; got 'fr'")
