"""What Chinese looks like."""

from __future__ import annotations

import re

CHINESE = re.compile("[\u4e00-\u9fff]")

_C = CHINESE.pattern
HALF_WIDTH = re.compile(rf"{_C} ?[,;:()?!] ?{_C}|{_C} ?\(|\) ?{_C}|{_C}[,;:?!]( |$)")
"""Punctuation of English among Chinese characters."""
