"""Errors and reasons in both languages: every sentence has its Chinese, and finds it."""

from __future__ import annotations

import ast
import json
import pickle
from pathlib import Path
from string import Formatter

import pytest

from repro.command_line.errors import LIMITS, TYPERS, of_typer
from repro.errors import (
    DataError,
    Sentence,
    TrainingError,
    UsageError,
    as_json,
    from_json,
    listed,
    out_of_memory,
    sentence,
    told_by,
)
from repro.execution.messages import Failed, Finished, Noted, decode_event, encode_event
from repro.reporting import chinese
from repro.reporting.sentences import in_language
from tests.chinese import HALF_WIDTH

ROOT = Path(__file__).parents[2]
TREES = {
    path.relative_to(ROOT / "repro").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "repro").rglob("*.py"))
}
MAKERS = {"sentence", "listed", "out_of_memory", "told_by", "with_nearest"}
PLURAL = {"s"}
"""Placeholders of English alone."""
FAULTS = {
    "kernels/binding.py": "wrong arrays, which no user gives",
    "bench/baselines.py": "a loop of no name, which no user gives",
    "files.py": "TOML's own text",
    "training/torch_engine.py": "torch's own text",
}
"""Where a ValueError is raised with something other than a sentence, and why."""


def name_of(node):
    return getattr(node, "id", getattr(node, "attr", ""))


def calls(*names):
    """Where one of `names` is called: the module and the call."""
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in names:
                yield module, node


def family():
    """ReproError and every class below it."""
    bases = {
        node.name: {name_of(base) for base in node.bases}
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"ReproError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def is_sentence(node):
    """A sentence, or a variable that is one."""
    if isinstance(node, ast.Call):
        return name_of(node.func) in MAKERS
    if isinstance(node, ast.IfExp):
        return is_sentence(node.body) and is_sentence(node.orelse)
    return isinstance(node, (ast.Name, ast.Attribute))


def templates():
    literals = {
        node.args[0].value
        for _, node in calls("sentence")
        if isinstance(node.args[0], ast.Constant)
    }
    return {
        each for each in literals | {*TYPERS, *LIMITS.values()}
        if any(c.isalpha() for literal, *_ in Formatter().parse(each) for c in literal)
    }  # fmt: skip


def placeholders(template):
    return {name for _, name, *_ in Formatter().parse(template) if name}


def test_every_error_is_raised_with_a_sentence():
    assert {"OutOfMemoryError", "KernelsUnavailable"} < family()
    wrong = [
        f"{module}, line {node.lineno}: {ast.unparse(node)}"
        for module, node in calls(*family())
        if not (node.args and is_sentence(node.args[0]))
    ]
    assert wrong == []


def test_what_an_error_repeats_of_another_one_is_a_sentence_too():
    """A ValueError is often the second half of an error's line."""
    wrong = {
        module for module, node in calls("ValueError")
        if node.args and not is_sentence(node.args[0])
    }  # fmt: skip
    assert wrong == set(FAULTS)


def test_a_template_is_a_literal_so_that_this_test_sees_it():
    wrong = [
        f"{module}, line {node.lineno}"
        for module, node in calls("sentence")
        if not isinstance(node.args[0], ast.Constant) and module != "errors.py"
        and ast.unparse(node.args[0]) != "LIMITS[name]"
    ]  # fmt: skip
    assert wrong == []


def test_every_sentence_has_its_chinese_and_no_chinese_is_left_over():
    assert set(chinese.SENTENCES) - templates() == set()
    assert templates() - set(chinese.SENTENCES) == set()


def test_no_sentence_is_in_two_lists():
    lists = [
        getattr(chinese, name).SENTENCES for name in dir(chinese)
        if hasattr(getattr(chinese, name), "SENTENCES")
    ]  # fmt: skip
    assert len(lists) == 7
    assert sum(map(len, lists)) == len(chinese.SENTENCES)


@pytest.mark.parametrize("template", sorted(templates()))
def test_the_chinese_has_the_same_placeholders_and_its_own_punctuation(template):
    text = chinese.SENTENCES[template]
    assert placeholders(text) == placeholders(template) - PLURAL
    assert not any(form or conversion for _, _, form, conversion in Formatter().parse(text))
    assert not HALF_WIDTH.search(text)


def test_a_sentence_is_the_text_that_format_gives():
    template = "{path}: {number:,} of {name!r}, {share:.2f}, {{}}"
    values = {"path": Path("a/b"), "number": 12345, "name": "x'", "share": 0.128}
    made = sentence(template, **values)
    assert made == template.format(**values)
    assert type(str(UsageError(made))) is str
    assert dict(made.values) == {
        "path": str(Path("a/b")), "number": "12,345", "name": '"x\'"', "share": "0.13",
    }  # fmt: skip


def test_a_sentence_within_another_is_translated_with_it():
    inner = ValueError(sentence("expected at most {most:,} chunks", most=4096))
    outer = DataError(sentence("{name}: not a PNG image: {error}", name="a.png", error=inner))
    assert str(outer) == "a.png: not a PNG image: expected at most 4,096 chunks"
    text = in_language(told_by(outer), "zh")
    assert text == "a.png：不是 PNG 图像：应不超过 4,096 个数据块"
    assert in_language(told_by(outer), "en") == str(outer)


def test_what_is_no_sentence_stays_as_it_is():
    assert in_language("[Errno 5] Input/output error", "zh") == "[Errno 5] Input/output error"
    assert told_by(OSError(5, "Input/output error")) == "[Errno 5] Input/output error"
    unknown = Sentence("a new text", "a new {what}", {"what": "text"})
    assert in_language(unknown, "zh") == "a new text"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("[Errno 111] Connection refused", "[Errno 111] 连接被拒绝"),
        ("Permission denied", "权限不足"),
        ("repro.errors.TrainingError: its node gave no answer",
         "repro.errors.TrainingError: 其节点没有返回结果"),
        ("training", "training"),
        ("a new reason", "a new reason"),
    ],
)  # fmt: skip
def test_known_words_of_the_system_and_of_other_processes_are_translated(said, expected):
    text = sentence("{path}: cannot be read: {why}", path="a", why=said)
    assert in_language(text, "zh") == f"a：无法读取：{expected}"


def test_lists_are_joined_as_their_language_does():
    names = listed(["a", "b", 3])
    assert (names, in_language(names, "zh")) == ("a, b, 3", "a、b、3")
    both = listed([sentence("no message"), "x"], "; ")
    assert (both, in_language(both, "zh")) == ("no message; x", "没有任何信息；x")
    assert not listed([])


def test_out_of_memory_repeats_what_was_said():
    said = out_of_memory("std::bad_alloc")
    assert said.startswith("out of memory (std::bad_alloc); train fewer runs")
    assert in_language(said, "zh").startswith("内存不足（std::bad_alloc）；请减少")


def test_chinese_and_latin_stand_apart_where_a_value_joins_them():
    where = sentence("{path}: cannot be {verb}: {hint}", path="a", verb=sentence("read"), hint="b")
    assert in_language(where, "zh") == "a：无法读取：b"
    none = sentence("--epoch {epoch}: {run} has checkpoints of {names}", epoch=1, run="r",
                    names=sentence("none"))  # fmt: skip
    assert in_language(none, "zh").endswith("：无")
    either = sentence("{file}: {called}.{name}: expected {expected}; got {value!r}", file="f",
                      called="c", name="n", expected=sentence("true or false"), value=3)  # fmt: skip
    assert "应为 true 或 false，" in in_language(either, "zh")


def test_an_error_keeps_its_sentence_when_it_is_copied():
    error = pickle.loads(pickle.dumps(UsageError(sentence("requires --fresh"))))
    assert in_language(told_by(error), "zh") == "需要与 --fresh 一起使用"


def test_a_chinese_line_is_printable_and_short_too():
    error = DataError(sentence("{path}: cannot be read: {why}", path="a\nb" + "x" * 2000, why="c"))
    assert told_by(error) == str(error)
    for text in (str(error), in_language(told_by(error), "zh")):
        assert text.isprintable()
        assert len(text) < 1000


def test_messages_of_processes_bring_their_sentences():
    inner = sentence("{run}: its process gave no answer", run="net")
    for event in (
        Failed.of("net", TrainingError(inner)),
        Noted(run="net", message=sentence("begins anew, the old run is kept: {why}", why=inner)),
    ):
        came = decode_event(encode_event(event))
        assert came == event
        assert in_language(came.message, "zh") == in_language(event.message, "zh")
        assert in_language(came.message, "zh") != came.message
    assert in_language(told_by(decode_event(encode_event(
        Failed.of("net", TrainingError(inner)))).error()), "zh") == "net：其进程没有返回结果"  # fmt: skip
    assert decode_event(encode_event(Finished(run="net"))) == Finished(run="net")


@pytest.mark.parametrize(
    "told",
    ["", ',"told":null', ',"told":{}', ',"told":{"template":"a","values":{"b":3}}',
     ',"told":{"template":"a","values":[]}'],
)  # fmt: skip
def test_a_message_of_another_version_is_its_english(told):
    line = f'{{"event":"failed","run":"net","message":"no {{luck}}"{told}}}'.encode()
    event = decode_event(line)
    assert (event.message, in_language(event.message, "zh")) == ("no {luck}", "no {luck}")


def test_a_value_that_is_no_text_is_escaped_on_its_way():
    text = sentence("{path}: cannot be read: {why}", path="a\udcff", why=sentence("none"))
    fields = json.loads(json.dumps(as_json(text)))
    assert in_language(from_json("a", fields), "zh") == "a\\udcff：无法读取：无"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No such option: --foo", "没有选项 --foo"),
        ("Missing argument 'MODEL'. Choose from:\n\tnet,\n\tresnet", "缺少参数 MODEL，可选：net、resnet。"),
        ("Option '--seeds' requires an argument.", "选项 --seeds 需要一个值。"),
        ("A text of a later Typer.", "A text of a later Typer."),
    ],
)  # fmt: skip
def test_what_typer_says_is_recognised(text, expected):
    assert of_typer(text) == text
    assert in_language(of_typer(text), "zh") == expected
