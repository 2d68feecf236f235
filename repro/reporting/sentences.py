"""Sentences of errors and of what is told of runs, in the language of the person who reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter

from repro.errors import Sentence, one_line
from repro.reporting.language import Language

_PUNCTUATION = {": ": "：", "; ": "；", ", ": "、", " (": "（", ")": "）"}
"""Of templates that have no words of their own, such as a list's."""


def in_language(text: str, lang: Language, words: Mapping[str, str] | None = None) -> str:
    """A sentence in `lang`, and so the sentences within it.

    A text that is no :class:`Sentence`, such as an operating system's own, stays as it is. `words`
    has translations of values that are words of tables.
    """
    if lang == "en" or not isinstance(text, Sentence):
        return text
    return one_line(_in_chinese(text, words or {}))


def _in_chinese(text: str, words: Mapping[str, str]) -> str:
    from repro.reporting.chinese import SENTENCES  # noqa: PLC0415 - in Chinese alone

    if not isinstance(text, Sentence):
        return words.get(text) or _without_template(text)
    template = SENTENCES.get(text.template) or _punctuated(text.template)
    if template is None:  # of another version
        return str(text)
    out = ""
    for literal, name, *_ in Formatter().parse(template):
        value = _in_chinese(text.values[name], words) if name is not None else ""
        out = _joined(_joined(out, literal), value)
    return out


def _without_template(text: str) -> str:
    """What the system or another process wrote, as far as it is known: it may begin with a number
    or with the kind of an error."""
    from repro.reporting.chinese import SENTENCES, SYSTEM  # noqa: PLC0415 - in Chinese alone

    begin, said = re.findall(r"^([\w.]*Error: |\[Errno -?\d+\] |)(.*)", text, re.DOTALL)[0]
    known = SYSTEM.get(said) or (SENTENCES.get(said) if " " in said else None)
    return f"{begin}{known}" if known else text


def _joined(one: str, other: str) -> str:
    """Two pieces of a sentence, with a space between Chinese and Latin letters or digits alone."""
    if one.endswith(" ") and _is_chinese(one[-2:-1]) and _is_chinese(other[:1]):
        return one[:-1] + other
    if other.startswith(" ") and _is_chinese(one[-1:]) and _is_chinese(other[1:2]):
        return one + other[1:]
    latin = [each.isascii() and each.isalnum() for each in (one[-1:], other[:1])]
    apart = (_is_chinese(one[-1:]) and latin[1]) or (latin[0] and _is_chinese(other[:1]))
    return f"{one} {other}" if apart else one + other


def _is_chinese(sign: str) -> bool:
    return "\u4e00" <= sign <= "\u9fff"


def _punctuated(template: str) -> str | None:
    """A template without words of its own, with Chinese punctuation; None where it has some."""
    pieces = list(Formatter().parse(template))
    if any(c.isalpha() for literal, *_ in pieces for c in literal):
        return None
    out = ""
    for literal, name, *_ in pieces:
        for english, chinese in _PUNCTUATION.items():
            literal = literal.replace(english, chinese)  # noqa: PLW2901
        out += literal.replace("{", "{{").replace("}", "}}") + (f"{{{name}}}" if name else "")
    return out
