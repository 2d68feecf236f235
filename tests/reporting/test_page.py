"""The page as HTML: what it says, that it is whole, and that nothing gets in unescaped."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
import shlex
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from repro.__main__ import load_cli
from repro.commands.context import evidence as recorded_evidence
from repro.reporting.figures.notes import Points
from repro.reporting.figures.registry import FIGURES, lacks, render_picture
from repro.reporting.figures.style import Style
from repro.reporting.language import FIGURE_WORDS
from repro.reporting.page import (
    PAGE_FIGURES,
    _ranges,
    build,
    command,
    evidence_digest,
    write_page,
    write_paper,
)
from repro.reporting.page_figures import _weave, pictures_for_page
from repro.reporting.summary import summary
from repro.reporting.try_network import network_data, to_json
from repro.runs.records import parse
from repro.runs.store import Store
from repro.verdicts.evaluations import evaluations_of
from repro.verdicts.evidence import Evidence
from repro.verdicts.judging import unique_primary
from repro.verdicts.search import search_of
from tests.chinese import HALF_WIDTH
from tests.examples import record

READ = {10: 0.58, 30: 0.62, 60: 0.58, 100: 0.58}


class Reader(HTMLParser):
    """Identifiers, links, open elements and text of a page."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.sources, self.stack, self.text = [], [], [], [], []
        self.wrong = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if tag == "a" else []
        self.sources += [value for key, value in attrs if key in {"src", "srcset", "xlink:href"}]
        self.sources += (
            [named["href"]] if tag in {"link", "use", "image"} and "href" in named else []
        )
        if tag not in {"meta", "link", "br"}:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in {"meta", "link", "br"}:
            self.stack.pop()

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    models = ("net-relu", "net-leaky_relu", "net-swish", "improved")
    records = [
        record(m, s, {e: a + s / 500 for e, a in READ.items()}) for m in models for s in (0, 1)
    ]
    return Evidence(Store(tmp_path_factory.mktemp("store")), [*records, record("resnet", 0)])


@pytest.fixture(scope="module")
def page(evidence, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_HOME", str(tmp_path_factory.mktemp("home")))
        return build(evidence, lang="en", commit="a" * 40)


def drawable():
    """What can be drawn from records alone."""
    needs = [(name, FIGURES[name]) for name in PAGE_FIGURES]
    return [name for name, p in needs if not (p.needs_data or p.needs_calibration)]


def test_every_element_is_closed_every_identifier_is_one_and_every_anchor_leads_somewhere(page):
    reader = read(page)
    assert not reader.wrong
    assert not reader.stack
    assert len(reader.ids) == len(set(reader.ids))
    anchors = [link[1:] for link in reader.links if link.startswith("#")]
    assert set(anchors) <= set(reader.ids)
    assert {"runs-net-relu", "runs-improved", "runs-resnet"} <= set(anchors)


def test_it_needs_nothing_from_elsewhere(page):
    reader = read(page)
    assert all(link.startswith(("#", "data:")) for link in [*reader.links, *reader.sources])
    assert not re.findall(r"url\((?!#)", page)
    assert "@import" not in page


def test_it_begins_with_the_result_in_sentences_and_one_figure(page, evidence):
    top = page.partition('<main id="main">')[2].partition("</section>")[0]
    for lang in ("en", "zh"):
        for line in summary(evidence.verdicts, evidence.judgements, lang):
            assert html.escape(line, quote=True).replace("&#x27;", "&#39;") in top
    assert 'id="figure-overview"' in top
    differ = [v for v in evidence.verdicts if v.is_primary and not v.kind.is_success]
    assert differ
    assert all(f'<p class="bad">{verdict.cell.name}' in top for verdict in differ)
    assert "runs (seeds " in top
    assert "0–1" in top


def test_it_says_how_to_read_it_before_the_tables(page):
    reading = page.index('id="reading"')
    assert page.index("<main") < reading < page.index('id="tables"')
    part = page[reading:].partition("</section>")[0]
    assert "chosen because its test accuracies come near" in part
    assert "正是因为测试精度接近" in part


def test_without_a_checkpoint_there_is_no_network_to_try(page):
    assert 'id="try"' not in page
    assert "network-data" not in page.partition("<script>")[0]


def test_the_network_of_the_recorded_run_is_in_the_page():
    """Its float16 weights are those of the checkpoint, to half precision."""
    known = recorded_evidence(True)
    data = network_data(known)
    halves = np.frombuffer(base64.b64decode(data["weights"]), "<f2")
    assert len(halves) == 62_006
    run, epoch, first = known.weights("net-relu", "conv1.weight")
    assert (data["run"], data["epoch"]) == (run.spec.name, epoch)
    np.testing.assert_array_equal(halves[:450], first.ravel().astype(np.float16))
    assert (data["mean"], data["std"]) == ((0.5,) * 3, (0.5,) * 3)
    assert len(data["classes"]["zh"]) == 10
    assert "<" not in to_json({"text": "</script>"})
    assert json.loads(to_json({"text": "</script>"})) == {"text": "</script>"}


@pytest.mark.parametrize(
    ("numbers", "text"), [([], "–"), ([3], "3"), ([0, 1, 2, 5, 7, 8], "0–2, 5, 7–8")]
)
def test_seeds_that_follow_each_other_are_a_range(numbers, text):
    assert _ranges(numbers) == text


def test_readings_of_improved_net_say_whether_dropout_was_on(page, evidence):
    """First the one that the verdicts use, which the tables' mean is made of."""
    run = evidence.runs("improved")[0]
    part = page.partition(f'id="run-{run.spec.name}"')[2].partition("</details>")[0]
    last = run.readings[-1]
    assert (
        f'{last.switched.accuracy:.4f}<span class="en">, dropout on</span>'
        '<span class="zh" lang="zh-Hans">（Dropout 开启）</span>; '
        f'{last.accuracy:.4f}<span class="en">, dropout off</span>' in part
    )
    summary = part.partition("</summary>")[0]
    assert f"{last.switched.accuracy:.4f} (100)" in summary
    assert "dropout on" in summary
    assert "dropout" not in page.partition('id="runs-resnet"')[2].partition("</section>")[0]


def test_claims_that_dropout_decides_have_both_findings(page, evidence):
    part = page.partition('id="claims"')[2].partition("</section>")[0]
    differing = [
        each for each in evidence.judgements
        if (other := each.secondary) and (other.k, other.finding) != (each.k, each.finding)
    ]  # fmt: skip
    assert part.count(">dropout off: ") == len(differing) > 0


def test_every_cell_stands_in_its_table_and_both_ways_for_improved_net(page, evidence):
    for table in ("3-1", "3-2", "3-3", "3-4"):
        body = page.partition(f'id="table-{table}"')[2].partition("</table>")[0]
        shown = [v for v in evidence.verdicts if v.cell.table == table]
        assert body.count("<tr") == len(shown) + 1
        for verdict in shown:
            assert f"{verdict.cell.expected:.4f}" in body
            assert f"{verdict.mean:.4f}" in body
    assert page.count('<tr class="aside"') == 4


def test_filters_count_each_cell_once_and_wait_for_a_script(page, evidence):
    bar = page.partition('id="tables"')[2].partition("</section>")[0]
    bar = bar.partition('<div class="filters"')[2].partition("</div>")[0]
    assert bar.split(">")[0].endswith(" hidden")
    kinds = Counter(each.kind.value for each in unique_primary(evidence.verdicts))
    for kind, count in kinds.items():
        assert f'data-verdict="{kind}"' in bar
        assert f"</span> {count}</button>" in bar.partition(f'data-verdict="{kind}"')[2]
    assert f"</span> {sum(kinds.values())}</button>" in bar
    assert page.count('class="filters"') == 2


def test_every_run_has_its_digests_its_command_and_its_whole_record(page, evidence):
    for one in evidence.records:
        part = page.partition(f'id="run-{one.spec.name}"')[2].partition("</details>")[0]
        assert one.spec.digest in part
        for reading in one.readings:
            assert one.epochs[reading.epoch - 1].weights_sha256 in part
            assert reading.predictions_sha256 in part
        data = re.search(r"base64,([^\"]+)", part)[1]
        fields = json.loads(base64.b64decode(data))
        again = parse((json.dumps(fields, indent=1) + "\n").encode(), "page")
        assert again == one


@pytest.mark.parametrize("model", ["net-swish", "improved", "resnet"])
def test_the_command_of_a_run_asks_for_that_very_run(evidence, model, monkeypatch):
    one = evidence.runs(model)[0]
    asked = []
    monkeypatch.setattr(
        "repro.commands.train.train_one",
        lambda _, task: (asked.append(task), (None, 4))[1],
    )
    program, *words = shlex.split(command(one))
    CliRunner().invoke(load_cli().app, words)
    assert program == "repro"
    assert asked[0].spec == one.spec
    assert asked[0].epochs == len(one.epochs)


@pytest.mark.slow
def test_what_is_not_ours_is_escaped(evidence, monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    evil = '<script>alert("1")</script>'
    environment = dataclasses.replace(
        evidence.records[0].environment, processor=evil, kernels="<b>&", python='"><img src=x>'
    )
    records = [dataclasses.replace(r, environment=environment) for r in evidence.records]
    page = build(Evidence(evidence.store, records), lang="en", commit=evil)
    assert evil not in page
    assert "<img src=x>" not in page
    assert "<b>&" not in page
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(&#34;1&#34;)" in page


@pytest.mark.slow
def test_both_languages_are_in_it_and_the_chosen_one_is_shown_first(
    evidence, page, monkeypatch, tmp_path
):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    assert '<html lang="en" data-lang="en">' in page
    chinese = build(evidence, lang="zh", commit=None)
    assert '<html lang="zh-Hans" data-lang="zh">' in chinese
    for words in (
        "四个表格",
        "已复现",
        "训练轮数",
        "Net is best at 30 epochs",
        "原模型在 30 轮时最好",
        "缩放到 [-1, 1]",
    ):
        assert words in page
    english = re.findall(r'<span class="en">', page)
    assert len(english) == len(re.findall(r'<span class="zh"', page)) > 100


def test_figures_follow_the_pages_colours_and_carry_a_name(page):
    shown = [name for name in PAGE_FIGURES if f'id="figure-{name}"' in page]
    assert shown == drawable()
    left_out = page.partition("Left out:")[2].partition("</p>")[0]
    assert "(needs CIFAR-10: `repro data fetch` brings it)" in left_out
    assert left_out.count("(needs ") == len(PAGE_FIGURES) - len(shown)
    assert "calibration --calibrate` computes them" in left_out
    for name in shown:
        figure = page.partition(f'id="figure-{name}"')[2].partition("</figure>")[0]
        for code, label in (("en", FIGURES[name].title), ("zh-Hans", FIGURES[name].title_zh)):
            opening = f'<svg class="{code[:2]}" lang="{code}" role="img" '
            assert f'{opening}aria-label="{html.escape(label)}"' in figure
        assert "var(--ink)" in figure
        assert FIGURES[name].title_zh in figure
        assert "#1b1c1f" not in figure
    network = page.partition('id="figure-3-9-network"')[2].partition("</figure>")[0]
    assert ">conv1</text>" in network, "a layer's name is a name in both languages"
    assert ">池化</text>" in network


def test_figures_are_drawn_in_each_language(page):
    """Not translated after their layout: a label would not stand on its tick."""
    words = {each for each in FIGURE_WORDS if FIGURE_WORDS[each] != each}
    for name in drawable():
        figure = page.partition(f'id="figure-{name}"')[2].partition("</figure>")[0]
        english, chinese = re.findall(r"<svg.*?</svg>", figure, re.DOTALL)
        assert not re.search("[\u3000-\u9fff\uff00-\uffef]", english)
        texts = [html.unescape(each) for each in re.findall(r">([^<>]+)</text>", chinese)]
        assert not words & set(texts), name
        assert not [text for text in texts if HALF_WIDTH.search(text)], name
        assert "<tspan" not in figure


@pytest.mark.slow
def test_a_figure_of_the_page_says_what_its_points_are(evidence):
    one = pictures_for_page(FIGURES["overview"], evidence)
    for lang, title in (("en", "seed 0: 0.5800"), ("zh", "种子 0：0.5800")):
        strips = re.findall(r'<g data-label="([^"]+)"[^>]*>(.*?)</g>', one[lang], re.DOTALL)
        dots = [each for _, each in strips if "data-seed" in each]
        assert len(dots) == len({cell.name for cell in evidence.cells}) == 17
        counts = [each.count("data-seed=") for each in dots]
        assert counts == [each.count("<title>") for each in dots] == [2] * 16 + [1], "one ResNet"
        assert f' data-seed="0"><title>{title}</title></use>' in dots[0]
        assert len(strips) - len(dots) == 17, "a diamond each"
    curves = pictures_for_page(FIGURES["losses"], evidence)["en"]
    panel = re.search(r'<g data-panel="net-swish" [^>]*data-lines="([^"]+)" data-x="0 102"', curves)
    assert [each[:2] for each in json.loads(html.unescape(panel[1]))] == [
        ["train_loss", "training"], ["validation_loss", "validation"],
    ]  # fmt: skip
    assert "data-" not in render_picture(FIGURES["overview"], Style(), evidence, "svg").decode()


@pytest.mark.slow
def test_points_that_are_not_drawn_shift_no_texts(evidence):
    """A cell without runs has no dots, a value that is no number no marker."""
    few = Evidence(evidence.store, [r for r in evidence.records if r.spec.seed == 0][:1])
    (run,) = few.records
    for name in ("overview", "activations", "differences", "learning-curves"):
        for svg in pictures_for_page(FIGURES[name], few).values():
            assert not read(svg).wrong
            assert not re.search(r"<g data-[^>]*>(?!<)", svg), "a group of nothing"
            assert svg.rstrip().endswith("</svg>")
    assert run.spec.recipe.activation == "relu"
    strips = pictures_for_page(FIGURES["overview"], few)["en"]
    assert strips.count("data-seed=") == len(READ)
    single = pictures_for_page(FIGURES["differences"], few)["en"]
    assert "<title>+0.0056</title>" in single, "without an interval"


def test_a_group_with_too_few_markers_gets_no_texts():
    svg = '<svg><g id="note-0"><g><use/></g></g><g><use/><use/></g></svg>'
    note = Points(label="L", texts=["a", "b"])
    assert _weave(svg, "note-0", note) == svg.replace(' id="note-0"', "")
    note = Points(label="L", texts=["a"])
    assert '<g data-label="L"><g><use><title>a</title></use></g></g><g><use/>' in _weave(
        svg, "note-0", note
    )
    assert _weave(svg, "note-1", note) == svg


@pytest.mark.slow
def test_figures_are_the_same_bytes_with_short_numbers_and_each_image_once():
    known = recorded_evidence(True)
    for name in ("filters", "calibration"):
        if lacks(FIGURES[name], known):
            pytest.skip("without the recorded evidence")
        one = pictures_for_page(FIGURES[name], known)
        assert one == pictures_for_page(FIGURES[name], known)
        both = one["en"] + one["zh"]
        assert not re.search(r'[ "]-?[0-9]+\.[0-9]{3,}[ "]', both)
        images = re.findall(r'"(data:[^"]+)"', both)
        assert len(images) == len(set(images)) == (2 if name == "filters" else 0)
        assert one["zh"].count("<use") - one["en"].count("<use") == len(images)
    assert "(0.345)" in one["en"], "what is written is not rounded"


@pytest.mark.slow
def test_the_search_is_shown_as_far_as_it_went(evidence, monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    known = evaluations_of([record("net-relu", 100, {10: 0.58})])
    found = search_of(known, evidence.cells)
    monkeypatch.setattr("repro.verdicts.evidence.recorded_search", lambda: found)
    page = build(Evidence(evidence.store, evidence.records), lang="en", commit=None)
    assert "How far the recipe alone moves accuracy" in page
    assert '<th scope="row" data-value="0">net-relu@10</th>' in page
    assert "Nothing is decided yet" in page
    assert "SGD 0.01; batches of 20; pixels in [-1, 1]" in page
    assert "批大小 20" in page


def test_the_digest_of_the_evidence_changes_with_any_record(evidence):
    records = list(evidence.records)
    assert evidence_digest(records) == evidence_digest(records[::-1])
    other = dataclasses.replace(records[0], epochs=records[0].epochs[:99], readings=())
    assert evidence_digest([other, *records[1:]]) != evidence_digest(records)


@pytest.mark.slow
def test_ten_seeds_of_everything_stay_below_5_megabytes(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    models = ("net-relu", "net-leaky_relu", "net-swish", "improved")
    records = [
        record(m, s, {e: a + s / 500 for e, a in READ.items()}) for m in models for s in range(10)
    ]
    records += [record("resnet", s) for s in range(10)]
    path = write_page(Evidence(Store(tmp_path), records), tmp_path, lang="en", commit=None)
    assert 1e6 < path.stat().st_size < 5e6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "name", "suffix"), [("md", "report.md", "svg"), ("latex", "report.tex", "pdf")]
)
def test_for_a_paper_or_a_pull_request(evidence, form, name, suffix, tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    path = write_paper(evidence, tmp_path / "out", form, lang="en")
    text = path.read_text()
    assert path.name == name
    figures = sorted(each.name for each in path.parent.glob(f"*.{suffix}"))
    assert all(each in text for each in figures)
    assert len(figures) == len(drawable())
    assert ("Table 3-3" in text, "0.7344" in text) == (True, True)
    assert ("| The report says |" in text) is (form == "md")
    if form == "latex":
        assert r"Holm correction (5\%)" in text
        assert text.count(r"\begin{figure}") == len(figures)
        assert (path.parent / figures[0]).read_bytes().startswith(b"%PDF")
