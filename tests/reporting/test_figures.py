"""Figures, by what they contain: axes, series, labels and data."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from repro.data.dataset import synthetic
from repro.data.layout import CHECKSUMS, CLASSES
from repro.errors import UsageError
from repro.networks.activations import ACTIVATIONS
from repro.networks.layers import INPUT_SHAPE, NETWORKS
from repro.networks.models import SeededDropout, build
from repro.paths import IMPORT_ROOT
from repro.reporting.figures import (
    accuracies,
    filters,
    network_drawing,
    predictions,
    report_figures,
    training_curves,
)
from repro.reporting.figures.recipe_search import recipe_search
from repro.reporting.figures.registry import FIGURES, find, lacks, render_picture
from repro.reporting.figures.style import FONT, MODEL_NAMES, Style, render
from repro.reporting.language import FIGURE_WORDS
from repro.runs.store import Store
from repro.spec import REPORT_DROPOUT_AT_PREDICTION, REPORT_RECIPES
from repro.verdicts.calibration import bin_up, save_bins
from repro.verdicts.claims import mean_interval
from repro.verdicts.evidence import Evidence
from repro.verdicts.stages import IN_USE
from tests.examples import record
from tests.reporting.make_font import characters

DATA = synthetic(train=500, test=10_000)
EN = Style()
READ = {
    "net-relu": {10: 0.57, 30: 0.63, 60: 0.58, 100: 0.58},
    "net-leaky_relu": {10: 0.58, 30: 0.62, 60: 0.59, 100: 0.59},
    "net-swish": {10: 0.56, 30: 0.61, 60: 0.57, 100: 0.57},
    "improved": {10: 0.69, 30: 0.75, 60: 0.76, 100: 0.77},
    "resnet": {10: 0.69},
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """Two made-up seeds of every model, predictions and all, over made-up images."""
    store = Store(tmp_path_factory.mktemp("evidence"))
    records = []
    for model, read in READ.items():
        for seed in (0, 1):
            one = record(model, seed, {e: a + seed / 100 for e, a in read.items()})
            kept, readings = {}, []
            for reading in one.readings:
                classes = DATA.test_labels.copy()
                wrong = round((1 - reading.accuracy) * len(classes))
                classes[:wrong] = (classes[:wrong] + 1) % 10
                digest = hashlib.sha256(classes.tobytes()).hexdigest()
                switched = reading.switched and dataclasses.replace(
                    reading.switched, predictions_sha256=digest
                )
                readings.append(
                    dataclasses.replace(reading, predictions_sha256=digest, switched=switched)
                )
                kept |= dict.fromkeys(readings[-1].digests, classes)
            one = dataclasses.replace(one, readings=tuple(readings))
            store.save(one, kept)
            records.append(one)
    made_up = Evidence(store, records)
    first = records[0]
    bins = bin_up(
        first.spec.name,
        100,
        first.epochs[99].weights_sha256,
        [0.35] * 10 + [0.95] * 20 + [0.15],
        [False] * 10 + [True] * 21,
    )
    save_bins(made_up.calibration_path, bins)
    vars(made_up)["dataset"] = DATA
    return made_up


def drawn(draw, evidence, look=EN):
    with mpl.rc_context(look.rc()):
        figure = Figure(figsize=(8, 5))
        draw(figure, look, evidence)
    return figure


def laid_out(name, evidence, lang):
    """A figure as it is saved, of which the places of texts and panels are known."""
    drawn_on = []

    def draw(figure, look):
        drawn_on.append(figure)
        FIGURES[name].draw(figure, look, evidence)

    render(draw, FIGURES[name].size, Style(lang=lang), "png")
    FigureCanvasAgg(drawn_on[0]).draw()
    return drawn_on[0]


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def tiles(axes, size, columns, count, lines):
    """The images of a mosaic, their places and captions."""
    (image,) = axes.images
    canvas = image.get_array()
    wide, high = size + size // 8, size + size // 8 + size * 9 * lines // 32
    for n, text in zip(range(count), axes.texts, strict=True):
        x, y = n % columns * wide, (n // columns + 1) * high - size - size // 8
        yield canvas[y : y + size, x : x + size, :3], (x, y), text


# --- the report's figures ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["net", "improved"])
def test_a_drawn_network_is_the_model_layer_by_layer(name):
    model = build(REPORT_RECIPES["net-relu" if name == "net" else "improved"], seed=0)
    shapes = {}
    for layer, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, SeededDropout)):
            module.register_forward_hook(
                lambda _, __, out, layer=layer: shapes.update({layer: tuple(out.shape[1:])})
            )
    model.eval()(torch.zeros(1, *INPUT_SHAPE))
    shown = {layer.name: layer for layer in NETWORKS[name] if layer.kind != "pool"}
    assert {n: layer.shape for n, layer in shown.items()} == shapes
    for n, layer in shown.items():
        module = model.get_submodule(n)
        assert layer.parameters == sum(p.numel() for p in module.parameters()), n
        if layer.kind == "conv":
            assert module.kernel_size == (layer.kernel, layer.kernel)
    total = sum(p.numel() for p in model.parameters())
    assert sum(layer.parameters for layer in NETWORKS[name]) == total
    before = [layer.shape for layer in NETWORKS[name]]
    for number, layer in enumerate(NETWORKS[name]):
        if layer.kind == "pool":
            channels, height, width = before[number - 1]
            assert layer.shape == (channels, height // 2, width // 2)
    assert f"parameters: {total:,}" in texts(drawn(network_drawing.network(name), None))


@pytest.mark.parametrize("name", report_figures.FORMULAS)
def test_a_drawn_activation_and_its_derivative_are_torchs(name):
    x = torch.linspace(-5, 5, 100, dtype=torch.float64, requires_grad=True)
    y = ACTIVATIONS[name](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    function, derivative = report_figures.FORMULAS[name]
    np.testing.assert_allclose(function(x.detach().numpy()), y.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(derivative(x.detach().numpy()), slope.numpy(), atol=1e-12)
    (axes,) = drawn(report_figures.activation(name), None).axes
    line = next(each for each in axes.lines if each.get_label() == "function")
    np.testing.assert_allclose(line.get_ydata(), function(line.get_xdata()))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["function", "derivative"]


def test_the_convolution_is_torchs_and_every_step_adds_up():
    image, kernel = report_figures.CONVOLUTION_INPUT, report_figures.CONVOLUTION_KERNEL
    as_torch = [torch.from_numpy(each.astype(float))[None, None] for each in (image, kernel)]
    result = report_figures.convolve(image, kernel)
    np.testing.assert_array_equal(result, F.conv2d(*as_torch)[0, 0].numpy())
    steps = [t for t in texts(drawn(report_figures.convolution, None)) if t.startswith("step")]
    assert len(steps) == 3
    for text in steps:
        terms, total = text.partition(": ")[2].replace("−", "-").split(" = ")
        products = [
            term.strip("()").replace("(", "").replace(")", "") for term in terms.split(" + ")
        ]
        assert sum(int(a) * int(b) for a, b in (p.split("·") for p in products)) == int(total)


def test_the_files_and_labels_are_those_of_the_data_set(evidence):
    assert set(CHECKSUMS) <= set(texts(drawn(report_figures.files, evidence)))
    shown = texts(drawn(report_figures.labels, evidence))
    names = sorted(text for text in shown if text in CLASSES)
    assert names == sorted(CLASSES[label] for label in DATA.test_labels[:20])
    assert {"1", "20"} <= set(shown)


def test_images_are_shown_as_they_are(evidence):
    (axes,) = drawn(report_figures.images, evidence).axes
    for n, (tile, (x, y), text) in enumerate(tiles(axes, 32, 10, 20, lines=2)):
        np.testing.assert_array_equal(tile, DATA.test_images[n].transpose(1, 2, 0))
        assert text.get_text() == f"{n + 1}\n{CLASSES[DATA.test_labels[n]]}"
        assert x < text.get_position()[0] < x + 32
        assert text.get_position()[1] < y, "above its image"
    (axes,) = drawn(report_figures.classes, evidence).axes
    (image,) = axes.images
    assert image.get_array().shape == (360, 216, 4), "ten rows of six, with gaps"
    assert [text.get_text() for text in axes.texts] == list(CLASSES)


def test_the_twelve_images_are_drawn_without_looking_and_marked(evidence):
    chosen = report_figures.twelve()
    assert len(set(chosen)) == 12
    assert chosen == report_figures.twelve(0) != report_figures.twelve(1)
    (axes,) = drawn(report_figures.twelve_images, evidence).axes
    predicted = evidence.predictions("net-relu", 60)[0]
    shown = tiles(axes, 32, 6, 12, lines=2)
    for index, (tile, _, text) in zip(chosen, shown, strict=True):
        np.testing.assert_array_equal(tile, DATA.test_images[index].transpose(1, 2, 0))
        right = predicted[index] == DATA.test_labels[index]
        assert text.get_text().startswith("✓" if right else "✗")
        assert CLASSES[predicted[index]] in text.get_text()


# --- figures of the evidence ---------------------------------------------------------------------


def test_learning_curves_show_validation_readings_and_the_report(evidence):
    figure = drawn(training_curves.learning_curves, evidence)
    assert [a.get_title(loc="left") for a in figure.axes[:5]] == list(MODEL_NAMES.values())
    net = figure.axes[0]
    lines = {line.get_label(): line for line in net.lines}
    assert list(lines["report"].get_ydata()) == [0.5744, 0.6324, 0.5765, 0.5797]
    assert len(lines["validation"].get_xdata()) == 100
    assert set(lines["validation"].get_ydata()) == {0.5}
    (test,) = [c for c in net.containers if c.get_label() == "test"]
    assert list(test.lines[0].get_ydata()) == pytest.approx([0.575, 0.635, 0.585, 0.585])
    assert net.collections, "the band of the seeds"
    assert "n = 2" in texts(figure)


def test_losses_show_training_and_validation(evidence):
    axes = drawn(training_curves.losses, evidence).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["training"] == pytest.approx([2 / epoch for epoch in range(1, 101)])
    assert set(lines["validation"]) == {1.6}


def test_accuracy_shows_our_means_the_reports_points_and_improved_net_both_ways(evidence):
    left, right = drawn(accuracies.accuracy, evidence).axes
    labels = [text.get_text() for a in (left, right) for text in a.get_legend().get_texts()]
    improved = ("on", "off") if REPORT_DROPOUT_AT_PREDICTION else ("off", "on")
    assert labels == [
        "Net (ReLU)", "Net (Leaky ReLU)", "Net (Swish)",
        *(f"ImprovedNet, dropout {each}" for each in improved), "ResNet",
    ]  # fmt: skip
    ours = next(c for c in left.containers if c.get_label() == "Net (ReLU)")
    assert list(ours.lines[0].get_ydata()) == pytest.approx([0.575, 0.635, 0.585, 0.585])
    assert [0.5744, 0.6324, 0.5765, 0.5797] in [list(line.get_ydata()) for line in left.lines]


def test_differences_are_those_of_the_17_cells_with_their_intervals(evidence):
    (axes,) = drawn(accuracies.differences, evidence).axes
    verdicts = {v.cell.name: v for v in evidence.verdicts if v.is_primary}
    points = [(c.lines[0].get_xdata()[0], c) for c in axes.containers]
    assert len(points) == 17
    assert sorted(x for x, _ in points) == pytest.approx(
        sorted(v.difference for v in verdicts.values())
    )
    segment = points[0][1].lines[2][0].get_segments()[0]
    assert segment[1][0] - segment[0][0] == pytest.approx(2 * verdicts["net-relu@10"].half_width)
    low, high = axes.get_xlim()
    assert all(low < x < high for x, _ in points), "what differs most has to be seen"
    (span,) = axes.patches
    assert (span.get_x(), span.get_width()) == pytest.approx((-0.05, 0.1))
    assert axes.get_yticklabels()[0].get_text() == "Net (ReLU)  10"


def test_the_overview_shows_every_seed_the_intervals_and_the_report(evidence):
    (axes,) = drawn(accuracies.overview, evidence).axes
    verdicts = {v.cell.name: v for v in evidence.verdicts if v.is_primary}
    bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 7]
    assert list(bars[0]) == [verdicts["net-relu@10"].low, verdicts["net-relu@10"].high]
    assert len(bars) == 17
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert sorted(dots[0].get_xdata()) == pytest.approx([0.57, 0.58])
    assert sum(len(line.get_xdata()) for line in dots) == 34
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    filled = [line.get_xdata()[0] for line in diamonds if line.get_mfc() != "none"]
    outside = [v for v in verdicts.values() if abs(v.difference) > v.half_width]
    assert outside
    assert sorted(filled) == sorted(v.cell.expected for v in outside)
    assert len(diamonds) == 17


def test_the_overview_needs_no_interval(tmp_path):
    """One seed has none; its diamonds are hollow and nothing lies outside."""
    (axes,) = drawn(accuracies.overview, Evidence(Store(tmp_path), [
        record("net-relu", 0, {10: 0.57, 30: 0.63, 60: 0.58, 100: 0.58})
    ])).axes  # fmt: skip
    assert not [line for line in axes.lines if line.get_linewidth() == 7]
    assert {line.get_mfc() for line in axes.lines if line.get_marker() == "D"} == {"none"}


def test_a_confusion_matrix_by_hand():
    actual, predicted = np.arange(10).repeat(2), np.arange(10).repeat(2)
    predicted[1] = 3
    shares = predictions.confusion_matrix(actual, predicted)
    assert (shares[0, 0], shares[0, 3], shares[1, 1]) == (0.5, 0.5, 1)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_learning_curves_say_how_many_runs_go_on():
    short, long = record("improved", 0, {10: 0.6}), record("improved", 1, {10: 0.6}, epochs=12)
    assert training_curves._counted([short, short]) == "n = 2"
    assert training_curves._counted([short, long, short]) == "n=3; >10: 1"


def test_figures_that_compare_networks_stay_within_the_tables():
    """A run that goes on does not move them: the others have no reading there."""
    store = Store(Path("nowhere"))
    one = record("improved", 0, {10: 0.6, 30: 0.7, 60: 0.7, 100: 0.74, 150: 0.75, 200: 0.76})
    assert Evidence(store, [one]).last_reading("improved") == 100


def test_confusion_and_classes_are_of_the_last_readings(evidence):
    figure = drawn(predictions.confusion, evidence)
    assert [a.get_title(loc="left") for a in figure.axes] == [
        "Net (ReLU), 100", "ImprovedNet, dropout off, 100", "ResNet, 10",
    ]  # fmt: skip
    (axes,) = drawn(predictions.by_class, evidence).axes
    line = next(each for each in axes.lines if each.get_label() == "ResNet, 10")
    right = [each == DATA.test_labels for each in evidence.predictions("resnet", 10)]
    expected = [np.mean([r[DATA.test_labels == c].mean() for r in right]) for c in range(10)]
    assert list(line.get_ydata()) == pytest.approx(expected)
    assert [t.get_text() for t in axes.get_xticklabels()] == list(CLASSES)


def test_activations_are_compared_in_pairs(evidence):
    pairs = accuracies.paired_differences(evidence, "net-leaky_relu", "net-relu", 10)
    assert list(pairs.values()) == pytest.approx([0.01, 0.01])
    left, right = drawn(accuracies.activations, evidence).axes
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert list(dots[0].get_ydata()) == pytest.approx([0.01, 0.01])
    report = [line for line in left.lines if line.get_marker() == "D"]
    assert report[0].get_ydata()[0] == pytest.approx(0.6100 - 0.5744), "the report's difference"
    assert mean_interval([0.01, 0.03]) == pytest.approx((0.02 - 0.1270620, 0.02 + 0.1270620))
    assert right.get_title(loc="left") == "Swish minus ReLU"


def test_images_that_every_run_gets_wrong(evidence):
    wrong, votes = predictions.unanimous_errors(evidence)
    # The most accurate run is ImprovedNet of seed 1 after 100 epochs: 0.78.
    assert wrong == list(range(2_200))
    assert votes[0] == (DATA.test_labels[0] + 1) % 10
    (axes,) = drawn(predictions.always_wrong, evidence).axes
    assert len(axes.texts) == predictions.WRONG_SHOWN
    tile, _, _ = next(iter(tiles(axes, 32, 8, predictions.WRONG_SHOWN, lines=2)))
    np.testing.assert_array_equal(tile, DATA.test_images[0].transpose(1, 2, 0))
    assert "2,200 / 10,000" in texts(drawn(predictions.always_wrong, evidence))


def test_filters_are_a_dash_where_no_checkpoint_is_kept_and_else_the_weights(evidence, monkeypatch):
    assert "ImprovedNet: –" in [
        a.get_title(loc="left") for a in drawn(filters.filters, evidence).axes
    ]
    weights = np.random.default_rng(0).normal(size=(6, 3, 5, 5)).astype(np.float32)
    monkeypatch.setattr(Evidence, "weights", lambda *_: (evidence.records[0], 100, weights))
    upper, lower = drawn(filters.filters, evidence).axes
    first = upper.images[0].get_array()[:5, :5, :3]
    lowest, highest = weights[0].min(), weights[0].max()
    expected = (weights[0].transpose(1, 2, 0) - lowest) / (highest - lowest)
    np.testing.assert_allclose(first, expected, atol=1e-6)
    assert upper.images[0].get_array().shape == (6, 36, 4)
    assert lower.images[0].get_array().shape == (6, 48, 4)


def test_calibration_shows_accuracy_and_images_by_confidence(evidence):
    left, right = drawn(predictions.calibration, evidence).axes
    line = next(each for each in left.lines if each.get_label().startswith("Net (ReLU), 100"))
    assert line.get_label().endswith("(0.173)"), "(10 * 0.35 + 20 * 0.05 + 0.85) / 31"
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.35, 0.95], [0, 1])
    assert list(right.lines[0].get_ydata()) == pytest.approx([1 / 31, 10 / 31, 20 / 31])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_names_of_the_calibration_cover_no_line(evidence, lang):
    figure = laid_out("calibration", evidence, lang)
    (legend,) = figure.legends
    names = legend.get_window_extent()
    assert not [each for each in figure.axes if names.overlaps(each.get_window_extent())]
    assert figure.bbox.x0 <= names.x0 < names.x1 <= figure.bbox.x1


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_the_same_bytes_every_time_and_text_that_can_be_read(name, evidence):
    picture = FIGURES[name]
    one = render_picture(picture, EN, evidence, "svg")
    assert one == render_picture(picture, EN, evidence, "svg")
    assert b"<text" in one or name == "filters"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["3-9-network", "differences", "accuracy"])
def test_chinese_and_dark_figures_are_other_drawings_of_the_same(name, evidence):
    english, chinese = (
        render_picture(FIGURES[name], Style(lang=lang), evidence, "svg").decode()
        for lang in ("en", "zh")
    )
    for word in set(re.findall(r">([^<>]+)</text>", english)) & FIGURE_WORDS.keys():
        assert f">{FIGURE_WORDS[word]}</text>" in chinese, word
    dark = render_picture(FIGURES[name], Style(dark=True), evidence, "svg").decode()
    assert Style(dark=True).paper in dark
    assert Style().paper not in dark
    png = render_picture(FIGURES[name], Style(lang="zh"), evidence, "png", dots=40)
    assert png.startswith(b"\x89PNG")


def test_the_font_that_ships_has_every_chinese_character():
    missing = set(characters()) - set(map(chr, TTFont(FONT).getBestCmap()))
    assert not missing, "make it anew: repro/reporting/figures/fonts/README.md"
    assert FONT.stat().st_size < 100_000


@pytest.mark.slow
def test_every_word_on_a_figure_has_its_chinese(evidence):
    """What is drawn through Style.say and is no name stands in the list."""
    asked = set()

    class Listening(Style):
        def say(self, text):
            asked.add(text)
            return text

    for picture in FIGURES.values():
        render(
            lambda figure, look, picture=picture: picture.draw(figure, look, evidence),
            picture.size, Listening(), "svg",
        )  # fmt: skip
    # Whichever recipe the search has found nearest: here it is not the one in use.
    stages = [
        dataclasses.replace(each, ranked=[fit for fit in each.ranked if fit.candidate != IN_USE])
        for each in evidence.search.stages
    ]
    stages = [dataclasses.replace(each, entered=len(each.ranked)) for each in stages if each.ranked]
    other = SimpleNamespace(search=dataclasses.replace(evidence.search, stages=stages))
    render(
        lambda figure, look: recipe_search(figure, look, other),
        FIGURES["recipe-search"].size, Listening(), "svg",
    )  # fmt: skip
    assert asked - FIGURE_WORDS.keys() <= {"ResNet"}
    assert FIGURE_WORDS.keys() <= asked, "words that no figure uses"


@pytest.mark.parametrize("name", FIGURES)
def test_a_run_that_has_not_read_the_test_set_yet_breaks_no_figure(name, tmp_path):
    young = Evidence(Store(tmp_path), [record("net-relu", 0, {}, epochs=5)])
    vars(young)["dataset"] = DATA
    picture = FIGURES[name]
    missing = lacks(picture, young)
    if picture.needs_readings or picture.needs_calibration or picture.model_read:
        assert missing
    elif not (missing and picture.needs_data):
        assert render_picture(picture, EN, young, "svg")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_titles_of_the_confusion_stay_over_their_panels(lang, evidence):
    for axes in laid_out("confusion", evidence, lang).axes:
        assert axes._left_title.get_window_extent().x1 <= axes.get_window_extent().x1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["losses", "learning-curves"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_titles_of_panels_do_not_meet(name, lang, tmp_path):
    runs = [record("improved", seed, {10: 0.7}, epochs=100 + 100 * (seed == 0)) for seed in (0, 1)]
    figure = laid_out(name, Evidence(Store(tmp_path), runs), lang)
    pairs = [(axes._left_title, axes._right_title) for axes in figure.axes]
    noted = [(left, right) for left, right in pairs if right.get_text()]
    assert [right.get_text() for _, right in noted] == ["n=2; >100: 1"]
    for left, right in noted:
        assert right.get_window_extent().x0 > left.get_window_extent().x1 + 5


def test_an_interval_that_goes_on_beyond_the_frame_has_an_arrow(tmp_path):
    far = [record("net-relu", s, {10: 0.5 + 0.1 * s}) for s in (0, 1)]
    (axes,) = drawn(accuracies.differences, Evidence(Store(tmp_path), far)).axes
    arrows = {line.get_marker() for line in axes.lines}
    assert {"<", ">"} <= arrows


@pytest.mark.slow
def test_the_callers_settings_of_matplotlib_change_nothing(tmp_path):
    """A notebook's backend that is not installed here, and a matplotlibrc that wants LaTeX."""
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\naxes.titlesize: 30\nno.such.key: 1\nsavefig.bbox: tight\n"
    )
    code = (
        "import hashlib; from repro.reporting.figures.registry import find, render_picture\n"
        "from repro.reporting.figures.style import Style\n"
        "made = render_picture(find('3-3'), Style(), None, 'svg')\n"
        "print(hashlib.sha256(made).hexdigest(), __import__('os').environ.get('MPLBACKEND'))"
    )
    theirs = {
        "MPLBACKEND": "module://of.a.notebook",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "MPLCONFIGDIR": str(tmp_path / "matplotlibrc" / "no folder"),
    }
    done = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **more}, cwd=IMPORT_ROOT,
            capture_output=True, text=True, check=True,
        )
        for more in ({}, theirs)
    ]  # fmt: skip
    assert [each.stderr for each in done] == ["", ""], "nor do they make it chatter"
    drawn = [each.stdout.split() for each in done]
    assert drawn[0][0] == drawn[1][0]
    assert drawn[1][1] == "module://of.a.notebook", "it is the caller's still"


def test_figures_are_found_by_number_or_name():
    assert find("3-9").name == "3-9-network"
    assert find("3-6").name == "3-6-files"
    assert find("3-6b").name == "3-6b-twelve-images"
    assert find("differences").name == "differences"
    with pytest.raises(UsageError, match="figure '9-9': expected one of 2-1-classes"):
        find("9-9")


def test_what_a_figure_lacks_is_said_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    nothing = Evidence(Store(tmp_path), [])
    assert lacks(FIGURES["3-9-network"], nothing) is None
    assert "`repro data fetch`" in str(lacks(FIGURES["2-1-classes"], nothing))
    assert "`--recorded`" in str(lacks(FIGURES["differences"], nothing))
    monkeypatch.setattr(Evidence, "has_dataset", True)
    some = Evidence(Store(tmp_path), [record()])
    assert "`repro figure calibration --calibrate`" in str(lacks(FIGURES["calibration"], some))
    assert "net-relu that read the test set at 60" in str(
        lacks(FIGURES["3-6b-twelve-images"], some)
    )
