"""What the display of trainings says, in words."""

from __future__ import annotations

from repro.reporting.language import Language, choose
from repro.runs.comparison import Agreement, EpochNews


def duration(seconds: float, lang: Language = "en") -> str:
    """Seconds for a person: "45 s", "3 min", "2 h 5 min"."""
    if seconds < 90:
        return choose(lang, en=f"{seconds:.0f} s", zh=f"{seconds:.0f} 秒")
    minutes = round(seconds / 60)
    if minutes < 90:
        return choose(lang, en=f"{minutes} min", zh=f"{minutes} 分钟")
    hours, minutes = divmod(minutes, 60)
    return choose(lang, en=f"{hours} h {minutes} min", zh=f"{hours} 小时 {minutes} 分钟")


def epoch_news(news: EpochNews, lang: Language = "en") -> str:
    """Whether an epoch came out as recorded, in a line."""
    if news.other is None:
        return choose(
            lang,
            en=f"epoch {news.epoch}: the weights of the recorded run, bit for bit",
            zh=f"第 {news.epoch} 轮：权重与随包记录逐位相同",
        )
    what = choose(lang, en=news.other, zh={"weights": "权重"}.get(news.other, f"{news.other} "))
    why = ""
    if news.recorded_with:
        torch, processor = news.recorded_with
        why = choose(
            lang,
            en=f", which was trained with torch {torch} on {processor}",
            zh=f"（该记录由 torch {torch} 在 {processor} 上训练）",
        )
    return choose(
        lang,
        en=f"epoch {news.epoch}: other {what} than the recorded run's{why}",
        zh=f"第 {news.epoch} 轮：{what}与随包记录不同{why}",
    )


def agreement_line(found: Agreement, lang: Language = "en") -> str:
    """How far runs agree with the recorded ones, in a line."""
    which = "the recorded run" if found.compared == 1 else f"{found.compared} recorded runs"
    said = choose(lang, en=f"compared with {which}: ", zh=f"与 {found.compared} 个随包记录对比：")
    if not found.differing:
        return said + choose(
            lang,
            en=f"the same weights after each of {found.epochs} epochs, bit for bit",
            zh=f"全部 {found.epochs} 轮之后的权重逐位相同",
        )
    parts = [
        choose(lang, en=f"{run} differs from epoch {first} on", zh=f"{run} 从第 {first} 轮起不同")
        for run, first in found.differing
    ]
    if rest := found.compared - len(parts):
        agree = f"{rest} run{'s agree' if rest > 1 else ' agrees'}"
        parts.append(choose(lang, en=agree, zh=f"其余 {rest} 个相同"))
    return said + choose(lang, en=", ", zh="，").join(parts)
