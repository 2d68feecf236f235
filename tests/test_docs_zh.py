"""Every Chinese page of the documentation says what its English page says."""

from __future__ import annotations

import calendar
import importlib
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.chinese import HALF_WIDTH

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.zh.md"))
MONTHS = calendar.month_name[1:]
_C = "[\u4e00-\u9fff]"

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def text(name):
    return (DOCS / name).read_text(encoding="utf-8")


def english(name):
    return text(name.replace(".zh.md", ".md"))


def blocks(page):
    """The code blocks of a page; a comment may be translated."""
    found = FENCE.findall(page)
    return [re.sub(r"(?m)(?:^|[ \t]+)# .*$", "", each) for each in found]


def prose(page):
    """A page without code blocks and without what commands fill in."""
    page = re.sub(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", "", FENCE.sub("", page), flags=re.DOTALL)
    return re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)


def spans(page):
    """The code within lines; a Chinese page may ask a command for Chinese."""
    inline = re.findall(r"`([^`]+)`", prose(page))
    return {" ".join(each.split()).replace(" --lang zh", "") for each in inline}


def numbers(page):
    """How often each number stands in a page, dates as three numbers."""
    page = LINK.sub(r"\2", prose(page))
    for number, month in enumerate(MONTHS, 1):
        page = re.sub(rf"\b{month}\b", str(number), page)
    return Counter(re.findall(r"\d+(?:[.,]\d+)*", page))


def headings(page):
    return re.findall(r"^(#+) (.*)$", FENCE.sub("", page), re.MULTILINE)


def anchors(page):
    """The anchors of a page's headings, as GitHub and the site make them."""
    words = (re.sub(r"[^\w\s-]", "", title).strip().lower() for _, title in headings(page))
    return {re.sub(r"\s+", "-", each) for each in words}


def targets(page):
    """How often a page leads to each other page, picture or address."""
    found = (target.partition("#")[0] for _, _, target in LINK.findall(FENCE.sub("", page)))
    return Counter(each.replace(".zh.", ".") for each in found)


def plain(page):
    """The sentences of a page: without links' addresses, code and emphasis."""
    page = LINK.sub(r"\2", prose(page))
    return re.sub(r"`[^`]+`", "x", page).replace("**", "").replace("*", "")


def test_there_are_chinese_pages():
    assert {"index.zh.md", "tutorial.zh.md", "results.zh.md"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_chinese_page_has_the_same_code(name):
    assert blocks(text(name)) == blocks(english(name))
    assert spans(text(name)) == spans(english(name))
    marks = [re.findall(r"<!-- /?\w+ -->", page) for page in (text(name), english(name))]
    assert marks[0] == marks[1]


@pytest.mark.parametrize("name", PAGES)
def test_a_chinese_page_has_the_same_numbers(name):
    assert numbers(text(name)) == numbers(english(name))


@pytest.mark.parametrize("name", PAGES)
def test_a_chinese_page_has_the_same_headings_and_tables(name):
    pair = text(name), english(name)
    levels, tables, items = (
        [re.findall(pattern, FENCE.sub("", page), re.MULTILINE) for page in pair]
        for pattern in (r"^(#+) ", r"^\|", r"^(?:- |\d\. )")
    )
    assert levels[0] == levels[1]
    assert len(tables[0]) == len(tables[1])
    assert len(items[0]) == len(items[1])


@pytest.mark.parametrize("name", PAGES)
def test_the_links_of_a_chinese_page_lead_to_chinese_pages(name):
    assert targets(text(name)) == targets(english(name))
    for _, _, target in LINK.findall(FENCE.sub("", text(name))):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        file = file or name
        assert (DOCS / file).exists(), target
        twin = re.sub(r"(?<!\.zh)\.(md|svg)$", r".zh.\1", file)
        assert twin == file or not (DOCS / twin).exists(), f"{target}: there is {twin}"
        assert not anchor or anchor in anchors(text(file)), target


@pytest.mark.parametrize("name", PAGES)
def test_a_chinese_page_is_set_as_chinese_is(name):
    page = plain(text(name))
    for pattern in (HALF_WIDTH, rf"{_C}\.(?=\s|$|{_C})", rf'{_C} ?"|" ?{_C}'):
        assert not re.search(pattern, page), re.search(pattern, page)
    tight = re.search(rf".{{0,20}}(?:{_C}[A-Za-z0-9]|[A-Za-z0-9%]{_C}).{{0,20}}", page)
    assert not tight, f"no space between Chinese and Latin: {tight}"


def test_the_chinese_readme_leads_to_chinese_pages():
    readme = (DOCS.parent / "README.zh.md").read_text(encoding="utf-8")
    found = re.findall(r"\]\(docs/([\w.-]+\.md)(?:#([^)]+))?\)", readme)
    assert found
    for file, anchor in found:
        assert file.endswith(".zh.md") or file.replace(".md", ".zh.md") not in PAGES, file
        assert not anchor or anchor in anchors(text(file)), anchor


def test_the_navigation_is_chinese():
    site = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    nav = site.partition("\nnav:\n")[2]
    for title in re.findall(r"^  - (.+):$", nav, re.MULTILINE):
        assert re.search(rf"^ +{title}: .*{_C}", site, re.MULTILINE), title


@pytest.fixture
def hooks(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("hooks")


def test_the_reference_of_the_commands_is_in_the_language_of_the_page(hooks):
    before = os.environ["REPRO_LANG"]
    chinese, english_again = hooks.command_line("zh"), hooks.command_line("en")
    assert "**用法**：" in chinese
    assert "`--seeds N`：种子数" in chinese
    assert not re.search(
        r"Usage|Options\*|default:|required\]|^\* .*\.\.\.$", chinese, re.MULTILINE
    )
    assert "**Usage**:" in english_again
    assert not re.search(_C, english_again)
    assert os.environ["REPRO_LANG"] == before


def test_the_rooms_have_purposes_in_chinese(hooks):
    lines = hooks.rooms("zh").splitlines()
    assert len(lines) == len(hooks.rooms("en").splitlines())
    for line in lines[2:]:
        assert re.search(_C, line.split("|")[2]), line
