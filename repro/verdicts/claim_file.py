"""The report's claims, as claims.toml states them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from repro.errors import DataError, listed, sentence
from repro.files import read_regular
from repro.spec import CLAIM_RECIPES

_FIGURE = re.compile(r"(?P<model>[a-z_-]+?)(?:@(?P<epochs>\d+))?")


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sentence: pairs of figures, the first above the second; or one figure, its accuracy or
    its right answers among images.

    Raises:
        ValueError: none or several of these, an unknown figure, a difference for many pairs.
    """

    name: str
    says: str
    says_zh: str = ""
    topic: str = ""
    """A few words for lists of findings; the sentence itself if there are none."""
    topic_zh: str = ""
    place: str
    place_zh: str = ""
    greater: tuple[tuple[str, str], ...] = ()
    margin: float = 0.0
    """By how much the first has to be above the second: what "clearly" and the like are taken to
    mean."""
    by: float | None = None
    """The difference that the report states, of the only pair."""
    cell: str | None = None
    accuracy: float | None = None
    """What the sentence says of :attr:`cell`."""
    right: int | None = None
    images: int | None = None

    def __post_init__(self) -> None:
        given = {
            name
            for name in ("cell", "accuracy", "right", "images")
            if getattr(self, name) is not None
        }
        kinds = ({"cell", "accuracy"}, {"cell", "right", "images"})
        if (given not in kinds) if not self.greater else given:
            raise ValueError(
                sentence(
                    "expected `greater`, or `cell` with `accuracy`, or `cell` with "
                    "`right` and `images`"
                )
            )
        if not 0 <= self.margin < 1 or (self.margin and not self.greater):
            raise ValueError(
                sentence(
                    "margin: expected a number in [0, 1) of pairs; got {margin}", margin=self.margin
                )
            )
        if self.by is not None and len(self.greater) != 1:
            raise ValueError(
                sentence(
                    "by: expected one pair that differs so much; got {count}",
                    count=len(self.greater),
                )
            )
        for figure in self.figures:
            found = _FIGURE.fullmatch(figure)
            epochs = found and found["epochs"]
            if (
                not found
                or found["model"] not in CLAIM_RECIPES
                or (epochs and int(epochs) not in CLAIM_RECIPES[found["model"]].reading_epochs)
            ):
                raise ValueError(
                    sentence(
                        "expected a model that is known, at epochs that are read; got {figure!r}",
                        figure=figure,
                    )
                )
        if self.images is not None and not 0 <= (self.right or 0) <= self.images:
            raise ValueError(
                sentence(
                    "right: expected at most {images}; got {right}",
                    images=self.images,
                    right=self.right,
                )
            )

    @property
    def figures(self) -> list[str]:
        """All figures that the claim is about."""
        return [
            *(figure for pair in self.greater for figure in pair),
            *([self.cell] if self.cell else []),
        ]

    @property
    def depends_on_dropout(self) -> bool:
        """Whether it matters for a figure that dropout may be on or off at prediction."""
        return any(CLAIM_RECIPES[figure.split("@")[0]].has_dropout for figure in self.figures)


def load_claims(path: Path) -> list[Claim]:
    """The claims in the order of the report.

    Raises:
        DataError: the file is missing or has another form, or a name stands twice.
    """

    class File(msgspec.Struct, forbid_unknown_fields=True):
        claims: list[Claim]

    try:
        claims = msgspec.toml.decode(read_regular(path).decode("utf-8-sig"), type=File).claims
    except ValueError as error:
        raise DataError(
            sentence(
                "{path}: cannot be read as the report's claims: {error}", path=path, error=error
            )
        ) from None
    names = [claim.name for claim in claims]
    if len(set(names)) != len(names) or not names:
        raise DataError(
            sentence(
                "{path}: expected each claim once; got {names}",
                path=path,
                names=listed(names) or sentence("none"),
            )
        )
    return claims
