"""The errors that a person can act on.

A message is one line: what was expected, what came, and where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

_MOST_CHARACTERS = 900


def _cut(text: str) -> str:
    half = _MOST_CHARACTERS // 2
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:half]} [...] {text[-half:]}"


def escape(text: str) -> str:
    """`text` with what cannot be printed, half a surrogate pair too, as escapes of Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """`text` as one printable line of at most about 900 characters, its middle left out."""
    return _cut(escape(_cut(text)))


class Sentence(str):
    """English text that also carries its template and values, so that it can be translated where
    it is shown. Make one by :func:`sentence` or :func:`listed`."""

    __slots__ = ("template", "values")

    template: str
    """The English text with `{name}` where a value stands."""
    values: Mapping[str, str]
    """What stands there, formatted: texts, or sentences that can be translated themselves."""

    def __new__(cls, text: str, template: str, values: Mapping[str, str]) -> Sentence:
        made = super().__new__(cls, text)
        made.template, made.values = template, values
        return made

    def __getnewargs__(self) -> tuple[str, str, Mapping[str, str]]:  # type: ignore[override]
        return str(self), self.template, self.values


def sentence(template: str, /, **values: Any) -> Sentence:
    """`template.format(**values)`, which knows its template and values.

    A value may be a sentence itself, or an exception that was raised with one.
    """
    told = {}
    for _, name, form, conversion in Formatter().parse(template):
        if name is not None:
            value = values[name]
            if not form and not conversion:
                told[name] = told_by(value) if isinstance(value, Exception) else value
                if not isinstance(told[name], Sentence):
                    told[name] = str(value)
            else:
                told[name] = format(repr(value) if conversion else value, form or "")
    return Sentence(template.format(**values), template, told)


def listed(items: Iterable[Any], separator: str = ", ") -> Sentence:
    """The items as `separator.join` writes them; an empty one where there are none."""
    known = list(items)
    template = separator.join(f"{{_{number}}}" for number in range(len(known)))
    return sentence(template, **{f"_{number}": each for number, each in enumerate(known)})


def as_json(text: Sentence) -> dict[str, Any]:
    """What :func:`from_json` needs beside the English text, in values of JSON."""
    values = {
        name: {"text": escape(each), **as_json(each)}
        if isinstance(each, Sentence)
        else escape(each)
        for name, each in text.values.items()
    }
    return {"template": text.template, "values": values}


def from_json(text: str, fields: Mapping[str, Any]) -> str:
    """The sentence whose English `text` and :func:`as_json` these are; `text` alone where `fields`
    are of another form, as another version may have written them."""
    try:
        values = {
            name: each if isinstance(each, str) else from_json(each["text"], each)
            for name, each in fields["values"].items()
        }
        return Sentence(text, fields["template"], values)
    except (AttributeError, KeyError, TypeError):
        return text


def told_by(error: BaseException) -> str:
    """What an exception says, as `str` has it; a sentence if it was raised with one."""
    first = error.told if isinstance(error, ReproError) else next(iter(error.args), "")
    if not isinstance(first, Sentence) or len(error.args) != 1:
        return str(error)
    return Sentence(str(error), first.template, first.values)


class ReproError(Exception):
    """Base of this package's errors.

    A message often repeats what a file says. It stays one line of a readable length even where
    that has line breaks, control characters or a megabyte: they are escaped, and its middle left
    out. `told` is the message as it was given, which can be translated where it is a
    :class:`Sentence`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))
        self.told = message


class UsageError(ReproError):
    """The request itself cannot be met: an unknown table, zero epochs."""


class DataError(ReproError):
    """The data set, the store or a file that the user named cannot be had or believed."""


class EvidenceError(DataError):
    """A record, a file of predictions or a checkpoint that is not to be believed."""


class DiskError(DataError):
    """The file system refuses: no other source, and no second try, would help."""


class NoRunsError(ReproError):
    """There is no run of what was asked for; training makes some."""


class TrainingError(ReproError):
    """A run did not reach its last epoch, so its cells stay without a record."""


def out_of_memory(words: str = "") -> Sentence:
    """What to say of a process whose memory was used up, after `words` that it said itself."""
    return sentence(
        "out of memory{said}; train fewer runs at a time (--workers 1), or allow more memory, and "
        "run the same command again to resume",
        said=sentence(" ({words})", words=words) if words else "",
    )
