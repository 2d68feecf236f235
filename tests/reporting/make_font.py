"""Make the font of the figures' Chinese characters from Noto Sans CJK; see the fonts' README."""

from __future__ import annotations

import sys

from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTCollection  # type: ignore[import-untyped]

from repro.reporting.figures.registry import FIGURES
from repro.reporting.figures.style import FONT, FONT_NAME
from repro.reporting.language import FIGURE_WORDS

SOURCE = "Noto Sans CJK SC"


def characters() -> str:
    """Every character of a label or a title that DejaVu Sans may lack, each once."""
    texts = [*FIGURE_WORDS.values(), *(picture.title_zh for picture in FIGURES.values())]
    return "".join(sorted({each for text in texts for each in text if ord(each) > 0x2FFF}))


def make(collection: str) -> None:
    """Write :data:`FONT` from the collection of fonts at `collection`."""
    fonts = TTCollection(collection).fonts
    font = next(each for each in fonts if each["name"].getDebugName(1) == SOURCE)
    options = subset.Options(layout_features=[], hinting=False, desubroutinize=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters())
    subsetter.subset(font)
    names = {1: FONT_NAME, 2: "Regular", 3: FONT_NAME, 4: FONT_NAME, 6: FONT.stem, 16: FONT_NAME}
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
    outlines = font["CFF "].cff
    outlines.fontNames = [FONT.stem]
    outlines.topDictIndex[0].FullName = outlines.topDictIndex[0].FamilyName = FONT_NAME
    font.recalcTimestamp = False
    font.save(FONT)


if __name__ == "__main__":
    make(sys.argv[1])
