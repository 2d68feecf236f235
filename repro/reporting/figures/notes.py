"""What single points of a figure are: a page shows it where a reader points at one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repro.reporting.language import Language, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Markers that are drawn as one: what they have in common, and a text for each, in the order in
    which they are drawn."""

    label: str
    texts: Sequence[str]
    seeds: Sequence[int] = ()
    """Whose each is; empty where they are no single runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The squares of a matrix, and a text for each, row after row."""

    model: str
    label: str
    texts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Axes of curves over the epochs, both scales linear. The page has every run's record: it finds
    the values there, and can draw the curve of a single seed."""

    model: str
    label: str
    lines: Mapping[str, tuple[str, str]]
    """What is drawn of an epoch, by its field in a record: its name and its colour."""
    x: tuple[float, float]
    """The epochs at the left and the right edge."""
    y: tuple[float, float]
    """The values at the lower and the upper edge."""


Note = Points | Cells | Panel


def at_epochs(name: str, epochs: int, lang: Language) -> str:
    """A network after so many epochs."""
    return choose(lang, en=f"{name}, {epochs} epochs", zh=f"{name}，{epochs} 轮")


def of_seed(seed: int, value: str, lang: Language) -> str:
    """A value of one run."""
    return choose(lang, en=f"seed {seed}: {value}", zh=f"种子 {seed}：{value}")


def of_epoch(epoch: int, value: str, lang: Language) -> str:
    """A value after one epoch."""
    return choose(lang, en=f"epoch {epoch}: {value}", zh=f"第 {epoch} 轮：{value}")


def within(value: str, low: str, high: str, lang: Language) -> str:
    """A value, and from where to where it goes."""
    return choose(lang, en=f"{value} ({low} to {high})", zh=f"{value}（{low} 至 {high}）")


def taken_for(actual: str, predicted: str, share: str, lang: Language) -> str:
    """The share of the images of a class that are predicted as a class."""
    if actual == predicted:
        return choose(lang, en=f"{actual}, right: {share}", zh=f"{actual}判对：{share}")
    return choose(
        lang, en=f"{actual}, taken for {predicted}: {share}", zh=f"{actual}判为{predicted}：{share}"
    )
