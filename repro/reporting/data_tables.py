"""The data set for a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType

from repro.data.dataset import Dataset
from repro.data.layout import CHECKSUMS, CLASSES
from repro.reporting.language import FIGURE_WORDS, Language, choose, translate
from repro.reporting.terminal import plain_table


def show_dataset(dataset: Dataset, folder: Path, lang: Language = "en") -> RenderableType:
    """The files, the images a class and the first 20 test labels (figures 3-6 and 3-7)."""
    file, size, kind, image, category = (
        _word(each, lang) for each in ("File", "Bytes", "Class", "Image", "Category")
    )
    files = plain_table(file, size, "SHA-256", left=(file, "SHA-256"))
    for name, checksum in CHECKSUMS.items():
        files.add_row(name, f"{(folder / name).stat().st_size:,}", checksum[:16] + "…")
    parts = [_word(each, lang).capitalize() for each in ("training", "test")]
    counts = plain_table(kind, *parts, left=(kind,))
    both = [np.bincount(x, minlength=10) for x in (dataset.train_labels, dataset.test_labels)]
    for name, training, test in zip(CLASSES, *both, strict=True):
        counts.add_row(_word(name, lang), f"{training:,}", f"{test:,}")
    counts.add_row(
        choose(lang, en="all", zh="全部"), *(f"{each.sum():,}" for each in both), style="bold"
    )
    labels = plain_table(image, category, left=(category,))
    for number, label in enumerate(dataset.test_labels[:20], 1):
        labels.add_row(str(number), _word(CLASSES[label], lang))
    return Group(
        files,
        "",
        counts,
        "",
        choose(lang, en="First test labels", zh="测试集的前 20 个标签"),
        labels,
    )


def _word(english: str, lang: Language) -> str:
    return FIGURE_WORDS.get(english, translate(english, lang)) if lang == "zh" else english
