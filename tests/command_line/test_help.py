"""Help pages in both languages."""

from __future__ import annotations

import re
import shlex

import pytest
import typer.main
from rich.cells import cell_len

from repro.command_line.help import DEFAULTS
from repro.command_line.help_zh import HELP
from tests.chinese import HALF_WIDTH
from tests.command_line.shell import CLI, complains, repro, repro_process
from tests.test_docs import parse

_PAGES: dict[tuple[tuple[str, ...], str, str], str] = {}


@pytest.fixture
def page(home):
    """The help page of a command, made once for each language."""

    def get(words, lang="en", option="--help"):
        if (words, lang, option) not in _PAGES:
            done = repro(home, *words, option, COLUMNS="80", REPRO_LANG=lang)
            assert (done.returncode, done.stderr) == (0, "")
            _PAGES[words, lang, option] = done.stdout
        return _PAGES[words, lang, option]

    return get


def commands():
    """Every command, group and the application itself, each with the words that call it."""

    def walk(command, words):
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, (*words, name))

    return list(walk(typer.main.get_command(CLI.app), ()))


def english_texts():
    for _, command in commands():
        yield command.help
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
def test_a_chinese_help_page_fits_80_columns_and_is_chinese(page, words):
    shown = page(words, "zh")
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert " 用法：" in shown
    left = {
        "Usage",
        "Options",
        "Arguments",
        "Commands",
        "More options",
        "default",
        "Show this page",
    }
    assert not {word for word in left if word in shown}


def test_help_is_in_the_language_of_the_environment_and_english_again_afterwards(home):
    assert "─ 选项 ─" in repro(home, "claims", "--help", REPRO_LANG="zh").stdout
    assert "─ Options ─" in repro(home, "claims", "--help").stdout
    by_locale = {"REPRO_LANG": "", "LC_ALL": "zh_CN.UTF-8"}
    assert "用法：" in repro_process(home, "--help", **by_locale).stdout


def test_an_unknown_language_is_said_before_any_help(home):
    complains(repro(home, "--help", REPRO_LANG="fr"), 2, "REPRO_LANG: expected en or zh; got 'fr'")


WITH_MORE = ["table", "train", "verify", "recipes", "figure", "audit"]
PAGES = [words for words, command in commands() if words and not hasattr(command, "commands")]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("words", PAGES)
def test_a_help_page_fits_a_terminal_of_24_rows_and_80_columns(page, words, lang):
    shown = page(words, lang)
    lines = shown.strip().splitlines()
    assert len(lines) <= 23, "the shell's next prompt takes a row too"
    assert max(map(cell_len, lines)) <= 80
    assert not re.search(r"<\w+|x>=|<=x", shown), "types of the code, not of a user"


WITH_OPTIONS = [words for words, command in commands() if words in PAGES and command.params]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("words", WITH_OPTIONS)
def test_a_help_page_ends_with_two_examples_that_can_be_called(page, words, lang):
    shown = page(words, lang)
    end = " ".join(shown.rpartition("╯")[2].split())
    examples = re.findall(r"(?:Example: |示例：)`repro (.+?)`", end)
    assert len(set(examples)) == 2
    assert bool(re.search(r"[\u4e00-\u9fff]", end)) == (lang == "zh")
    assert lang == "en" or not HALF_WIDTH.search(end)
    for each in examples:
        assert each.startswith(" ".join(words))
        parse(shlex.split(each))


@pytest.mark.parametrize("command", WITH_MORE)
def test_help_all_shows_every_option_and_the_whole_text(page, command):
    short, whole = page((command,)), page((command,), option="--help-all")
    assert "--help-all" in short
    assert "─ More options ─" in whole
    assert "─ More options ─" not in short
    known = typer.main.get_command(CLI.app).commands[command]
    names = {name for each in known.params for name in each.opts if name.startswith("--")}
    missing = {name for name in names if name not in short}
    assert missing
    assert not {name for name in names if name not in whole}
    assert re.sub(r"\s+", " ", known.help) in re.sub(r"\s+", " ", whole)
    assert "─ 更多选项 ─" in page((command,), "zh", "--help-all")


def test_the_first_page_has_no_types_of_the_code(home):
    assert "<" not in repro(home, "--help").stdout


def test_a_page_that_leaves_nothing_out_has_no_help_all(home):
    assert "--help-all" not in repro(home, "score", "--help").stdout
    complains(repro(home, "score", "--help-all"), 2, "No such option")


def test_help_is_wrapped_at_the_terminals_width_alone(home):
    shown = repro_process(home, "bench", "--help-all", COLUMNS="80").stdout
    assert "throughput is compared" in shown
    assert "each row as soon" in repro_process(home, "--help", COLUMNS="80").stdout
    shown = repro_process(home, "table", "--help-all", COLUMNS="80").stdout
    assert "problem is missing runs" in shown


def test_every_option_of_every_command_has_help(home):
    """In the code, so that none is dropped to make a page shorter."""
    top = typer.main.get_command(CLI.app)
    groups = [top, *(each for each in top.commands.values() if hasattr(each, "commands"))]
    for group in groups:
        for command in group.commands.values():
            assert all(each.help for each in command.params), command.name


@pytest.mark.parametrize(("lang", "last"), [
    ("en", "`repro --help` lists all commands."), ("zh", "`repro --help`：列出全部命令。"),
])  # fmt: skip
def test_without_a_command_four_lines_say_what_to_do_first(home, lang, last):
    done = repro(home, REPRO_LANG=lang)
    assert (done.returncode, done.stderr) == (2, "")
    lines = done.stdout.splitlines()
    assert (len(lines), lines[-1]) == (4, last)
    assert max(map(cell_len, lines)) <= 80
    for line in lines[:-1]:
        command = re.match(r"`repro (.+?)`", line)[1]
        assert repro(home, command.split()[0], "--help").returncode == 0
    complains(repro(home, REPRO_LANG="fr"), 2, "REPRO_LANG: expected en or zh; got 'fr'")


@pytest.mark.parametrize("words", [["data"], ["export"]])
def test_a_group_without_a_command_shows_its_help_and_no_more(home, words):
    done = repro(home, *words)
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage:" in done.stdout
