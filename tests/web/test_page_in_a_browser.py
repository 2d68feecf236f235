"""The page in a real browser: what it shows, what it asks for, and who can use it."""

from __future__ import annotations

import base64
import json
import re
from contextlib import contextmanager
from statistics import fmean

import numpy as np
import pytest
from PIL import Image

from repro.commands.context import evidence
from repro.reporting.page import PAGE_FIGURES
from repro.reporting.search_tables import describe_recipe

pytestmark = pytest.mark.web

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
STATES = [
    (lang, theme, size)
    for lang in ("en", "zh")
    for theme in ("light", "dark")
    for size in (WIDE, NARROW)
]


@contextmanager
def opened(browser, address, *, size=WIDE, theme="light", script=True, **options):
    """The page in a fresh profile; nothing may go wrong in it, and nothing be asked of elsewhere."""
    context = browser.new_context(
        viewport=size,
        color_scheme=theme,
        java_script_enabled=script,
        reduced_motion="reduce",
        **options,
    )
    page = context.new_page()
    troubles, asked = [], []
    page.on(
        "console",
        lambda message: (
            troubles.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    assert not troubles
    home = address.rpartition("/")[0]
    assert [url for url in asked if not url.startswith((home, "data:", "blob:"))] == []
    context.close()


def shown(page, lang):
    page.evaluate("lang => setLanguage(lang)", lang)


def test_it_loads_and_says_the_result_first(browser, address):
    with opened(browser, address) as page:
        first = page.locator("main section").first
        assert first.locator("h2").inner_text() == "The result"
        sentence = first.locator(".lead")
        assert "of the report's" in sentence.inner_text()
        top = sentence.bounding_box()
        assert top["y"] + top["height"] < WIDE["height"], "without scrolling"
        assert first.locator("#figure-overview svg.en").is_visible()


def test_a_reader_who_asks_for_chinese_gets_it(browser, address):
    """Where nothing was chosen before; a choice is kept."""
    with opened(browser, address, locale="zh-CN") as page:
        assert page.locator("html").get_attribute("data-lang") == "zh"
        page.get_by_role("button", name="English").click()
        page.reload()
        assert page.locator("html").get_attribute("data-lang") == "en"
    with opened(browser, address, locale="de-DE") as page:
        assert page.locator("html").get_attribute("data-lang") == "en"


def test_the_browser_predicts_as_the_recorded_run_did(browser, address):
    """1,000 test images. Half-precision weights may change a class where two are all but equal."""
    known = evidence(True)
    run, epoch = known.kept("net-relu")
    recorded = known.store.predictions(run)[str(epoch)][:1000]
    images = known.dataset.test_images[:1000].transpose(0, 2, 3, 1)
    pixels = base64.b64encode(np.ascontiguousarray(images).tobytes()).decode()
    with opened(browser, address) as page:
        predicted = page.evaluate(
            """text => {
              const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
              return Array.from({length: 1000}, (_, n) => {
                const {probabilities} = Net.predict(bytes.subarray(3072 * n, 3072 * (n + 1)));
                return probabilities.indexOf(Math.max(...probabilities));
              });
            }""",
            pixels,
        )
    same = int((np.array(predicted) == recorded).sum())
    assert same >= 998, f"{same} of 1,000; of all 10,000 it was 9,996"


def test_a_reader_tries_the_network(browser, address, tmp_path):
    picture = tmp_path / "frog.png"
    known = evidence(True)
    number = int(np.flatnonzero(known.dataset.test_labels == 6)[0])
    image = known.dataset.test_images[number].transpose(1, 2, 0)
    Image.fromarray(image).resize((320, 200)).save(picture)
    with opened(browser, address) as page:
        section = page.locator("#try")
        section.locator("[data-part=examples] button").first.click()
        assert section.locator("[data-part=answer]").inner_text().endswith("it is: cat")
        assert section.locator(".best").count() == 1
        percents = [
            float(text.rstrip("%")) for text in section.locator(".percent").all_inner_texts()
        ]
        assert abs(sum(percents) - 100) < 1
        section.locator("input[type=file]").set_input_files(picture)
        page.wait_for_function(
            "!document.querySelector('[data-part=answer] .en').textContent.includes('it is')"
        )
        (tmp_path / "text.png").write_text("no image")
        section.locator("input[type=file]").set_input_files(tmp_path / "text.png")
        section.locator("[data-part=refused]").wait_for(state="visible")


def test_the_language_switches_and_is_remembered(browser, address):
    with opened(browser, address) as page:
        page.get_by_role("button", name="中文").click()
        assert page.locator("#h-result").inner_text() == "总体结果"
        assert page.locator("html").get_attribute("lang") == "zh-Hans"
        assert page.title().startswith("复现一份")
        assert page.locator("#figure-overview svg text:visible", has_text="训练轮数").count() == 1
        page.reload()
        assert page.locator("#h-result").inner_text() == "总体结果"
        page.get_by_role("button", name="English").click()
        assert page.locator("#h-result").inner_text() == "The result"
        visible = page.locator("body").inner_text()
        assert not re.search("[\u4e00-\u9fff]", visible.replace("中文", ""))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_labels_of_figures_are_whole_and_stand_on_their_ticks(browser, address, lang, size):
    with opened(browser, address, size=size) as page:
        shown(page, lang)
        cut = page.evaluate(
            """lang => [...document.querySelectorAll(`figure svg.${lang}`)].flatMap(svg => {
              const frame = svg.getBoundingClientRect();
              return [...svg.querySelectorAll("text")].filter(text => {
                const box = text.getBoundingClientRect();
                return box.left < frame.left - 2 || box.right > frame.right + 2
                  || box.top < frame.top - 2 || box.bottom > frame.bottom + 2;
              }).map(text => `${svg.getAttribute("aria-label")}: ${text.textContent}`);
            })""",
            lang,
        )
        assert not cut
        words = {"en": ["airplane", "automobile"], "zh": ["飞机", "汽车"]}[lang]
        for name, rotated in (("confusion", 90), ("by-class", 35)):
            away = page.locator(f"#figure-{name} svg.{lang}").evaluate(
                """(svg, [words, rotated]) => words.map(word => {
                  const text = [...svg.querySelectorAll("text")].find(
                    each => each.textContent === word && each.getAttribute("transform"));
                  const label = text.getBoundingClientRect();
                  const tick = text.parentElement.querySelector("use").getBoundingClientRect();
                  const at = rotated === 90 ? (label.left + label.right) / 2 : label.right;
                  return (at - (tick.left + tick.right) / 2) / svg.getBoundingClientRect().width;
                })""",
                [words, rotated],
            )
            assert all(abs(each) < 0.012 for each in away), (name, away)


def test_dark_mode_follows_the_system_and_the_button(browser, address):
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, address, theme="dark") as page:
        assert page.evaluate(ground) == "rgb(22, 24, 27)"
        page.get_by_role("button", name="Light / dark").click()
        assert page.evaluate(ground) == "rgb(255, 255, 255)"
        page.reload()
        assert page.evaluate(ground) == "rgb(255, 255, 255)", "remembered"
    with opened(browser, address, theme="light") as page:
        page.get_by_role("button", name="Light / dark").click()
        assert page.evaluate(ground) == "rgb(22, 24, 27)"


def test_headings_sort_their_table(browser, address):
    with opened(browser, address) as page:
        table = page.locator("#table-3-2")
        column = table.locator("tbody td:nth-child(3)")

        def report():
            return [float(text) for text in column.all_inner_texts()]

        before = report()
        heading = table.locator("th", has_text="Report")
        heading.get_by_role("button").click()
        assert report() == sorted(before)
        assert heading.get_attribute("aria-sort") == "ascending"
        heading.get_by_role("button").click()
        assert report() == sorted(before, reverse=True)
        assert heading.get_attribute("aria-sort") == "descending"
        heading.get_by_role("button").click()
        assert report() == before, "a third time undoes it"
        assert heading.get_attribute("aria-sort") is None
        page.locator("#table-3-3 th", has_text="Difference").get_by_role("button").click()
        values = page.locator("#table-3-3 tbody td:nth-child(7)").all_inner_texts()
        assert values == sorted(values, key=lambda text: abs(float(text))), "by size, not by sign"
        assert min(map(float, values)) < 0 < max(map(float, values))


def test_cells_sort_in_the_order_of_the_tables(browser, address):
    with opened(browser, address) as page:
        for table, rows in (
            (page.locator("#table-3-2"), page.locator("#table-3-2 tbody tr")),
            (page.locator("#open table").last, page.locator("#open table").last.locator("tr")),
        ):
            first = table.locator("th").first.get_by_role("button")
            table.locator("th", has_text="SD").get_by_role("button").click()
            first.click()
            names = [text.split("\t")[:2] for text in rows.all_inner_texts()]
            first.click()
            assert [text.split("\t")[:2] for text in rows.all_inner_texts()] != names
            first.click()
            if table.get_attribute("id"):
                assert [name[0] for name in names] == ["Net (Leaky ReLU)"] * 4 + ["Net (Swish)"] * 4
                assert [name[1] for name in names] == ["10", "30", "60", "100"] * 2
            else:
                nets = [name[0] for name in names if name[0].startswith("net-relu@")]
                assert nets == sorted(nets, key=lambda name: int(name.partition("@")[2]))


@pytest.mark.parametrize("section", ["tables", "claims"])
def test_verdicts_filter_rows(browser, address, section):
    with opened(browser, address) as page:
        bar = page.locator(f"#{section} .filters")
        assert bar.is_visible()
        everything, *kinds = bar.get_by_role("button").all()
        assert everything.get_attribute("aria-pressed") == "true"
        assert everything.inner_text().startswith("All ")
        total = page.locator(f"#{section} tbody tr:visible").count()
        counts = [int(button.inner_text().rpartition(" ")[2]) for button in kinds]
        assert sum(counts) == int(everything.inner_text().rpartition(" ")[2])
        assert len(kinds) >= 2
        for button, count in zip(kinds, counts, strict=True):
            button.focus()
            page.keyboard.press("Enter")
            assert button.get_attribute("aria-pressed") == "true"
            assert everything.get_attribute("aria-pressed") == "false"
            kept = page.locator(f"#{section} tbody tr:visible")
            kind = button.inner_text().rpartition(" ")[0]
            verdicts = kept.locator(".verdict").all_inner_texts()
            assert set(verdicts) == {kind}
            cells = kept.evaluate_all("all => all.map(row => row.dataset.cell)")
            assert len(set(cells)) == count
            assert bar.get_by_role("status").inner_text().startswith(f"{count} of ")
        assert page.locator(f"#{section} table:visible").count() >= 1
        page.emulate_media(media="print")
        assert page.locator(f"#{section} tbody tr:visible").count() == total, "paper has all rows"
        page.emulate_media(media="screen")
        everything.click()
        assert page.locator(f"#{section} tbody tr:visible").count() == total
        assert not bar.get_by_role("status").inner_text()
        shown(page, "zh")
        assert everything.inner_text().startswith("全部 ")
        kinds[0].click()
        target = page.locator(f"#{section} tbody tr.out [id]")
        if target.count():
            page.evaluate("id => { location.hash = id; }", target.first.get_attribute("id"))
            page.wait_for_function("!document.querySelector('#claims tr.out')")
            kinds[0].click()
        assert re.match(r"共 \d+ 项，显示 \d+ 项", bar.get_by_role("status").inner_text())


def middle(page, element):
    """Of an element on the screen, scrolled to."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def dots(page, figure, group=0, lang="en"):
    """The markers of one group of a figure that stand for seeds."""
    svg = page.locator(f"#figure-{figure} svg.{lang}")
    return svg.locator("[data-label]:has([data-seed])").nth(group).locator("[data-seed]")


def test_a_dot_says_its_seed_and_value(browser, address):
    run = recorded_run("net-relu", 0)
    with opened(browser, address) as page:
        tip = page.locator(".tip")
        assert tip.evaluate("tip => getComputedStyle(tip).opacity") == "0"
        for lang, name, seed in (
            ("en", "Net (ReLU), 10 epochs", "seed 0: "),
            ("zh", "原模型（ReLU），10 轮", "种子 0："),
        ):
            shown(page, lang)
            dot = dots(page, "overview", lang=lang).locator("xpath=self::*[@data-seed='0']")
            page.mouse.move(*middle(page, dot))
            assert tip.inner_text().split("\n") == [name, f"{seed}{run.accuracy_at(10):.4f}"]
            assert tip.evaluate("tip => getComputedStyle(tip).opacity") == "1"
            same = page.locator(f"#figure-overview svg.{lang} .same")
            assert same.count() == 17, "one in each strip"
        page.keyboard.press("Escape")
        assert tip.evaluate("tip => getComputedStyle(tip).opacity") == "0", "it can be sent away"
        page.mouse.move(5, 5)
        assert tip.evaluate("tip => getComputedStyle(tip).opacity") == "0"


def test_arrow_keys_go_from_value_to_value(browser, address):
    with opened(browser, address) as page:
        tip = page.locator(".tip")
        page.locator("#figure-overview svg.en").focus()
        texts = []
        for key in ("ArrowRight", "ArrowRight", "End", "ArrowDown", "ArrowUp", "Home"):
            page.keyboard.press(key)
            texts.append(tip.inner_text().split("\n"))
        names, values = zip(*texts, strict=True)
        assert set(names) == {"Net (ReLU), 10 epochs"}
        numbers = [float(value.rpartition(" ")[2]) for value in values]
        assert numbers[0] < numbers[1] < numbers[2], "from left to right"
        assert values[3].startswith("report: ")
        assert values[5] == values[0]
        page.locator("#figure-learning-curves svg.en").focus()
        page.keyboard.press("Home")
        name, value = tip.inner_text().split("\n")
        assert name == "Net (ReLU), validation"
        assert re.fullmatch(r"epoch 1: mean 0\.\d{4} \(0\.\d{4} to 0\.\d{4}, 10 seeds\)", value)
        runs = evidence(True).runs("net-relu")
        mean = fmean(run.epochs[0].validation_accuracy for run in runs)
        assert float(value.split()[3]) == pytest.approx(mean, abs=5e-5)
        page.keyboard.press("Escape")
        assert tip.evaluate("tip => getComputedStyle(tip).opacity") == "0"
        stops = page.locator("#figures [tabindex='0']").count()
        assert stops < 2 * len(PAGE_FIGURES), "not one a dot"


def test_a_candidate_of_the_search_says_its_recipe_and_score(browser, address):
    best = next(each for each in evidence(True).search.stages if each.is_complete).ranked[0]
    with opened(browser, address) as page:
        page.locator("#figure-recipe-search svg.en").focus()
        page.keyboard.press("Home")
        assert page.locator(".tip").inner_text().split("\n") == [
            "stage 1", f"{best.rms:.4f}: {describe_recipe(best.candidate, 'en')}",
        ]  # fmt: skip


def test_a_finger_gets_the_value_too(browser, address):
    with opened(browser, address, size=NARROW, has_touch=True, is_mobile=True) as page:
        dot = dots(page, "activations").first
        page.touchscreen.tap(*middle(page, dot))
        tip = page.locator(".tip")
        assert re.match(r"Leaky ReLU minus ReLU, 10 epochs\nseed \d: [+-]0\.", tip.inner_text())
        box = tip.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]


def test_single_seeds_are_drawn_into_the_curves(browser, address):
    run = recorded_run("improved", 3)
    with opened(browser, address) as page:
        figure = page.locator("#figure-learning-curves")
        bar = figure.get_by_role("group", name="Seeds")
        everything, *seeds = bar.get_by_role("button").all()
        assert [each.inner_text() for each in seeds] == [str(n) for n in range(10)]
        assert [each.get_attribute("aria-pressed") for each in seeds] == ["false"] * 10
        lines = figure.locator("svg.en path[data-seed]")
        assert lines.count() == 0, "as without a script"
        seeds[3].focus()
        page.keyboard.press("Space")
        assert seeds[3].get_attribute("aria-pressed") == "true"
        assert lines.count() == 5, "a line in each panel"
        assert figure.locator("svg.zh path[data-seed]").count() == 5
        bend = figure.locator("svg.en [data-panel=improved] ~ path[data-seed]")
        assert len(bend.get_attribute("d").split()) == len(run.epochs)
        x, y = bend.evaluate(
            """line => {
              const at = line.getPointAtLength(0);
              line.scrollIntoView({block: "center", behavior: "instant"});
              const now = line.ownerSVGElement.getScreenCTM();
              return [now.a * at.x + now.e, now.d * at.y + now.f];
            }"""
        )
        page.mouse.move(x, y)
        said = page.locator(".tip").inner_text().split("\n")
        assert said == [
            "ImprovedNet, validation", f"seed 3, epoch 1: {run.epochs[0].validation_accuracy:.4f}",
        ]  # fmt: skip
        everything.click()
        assert lines.count() == 50
        assert everything.get_attribute("aria-pressed") == "true"
        everything.click()
        assert lines.count() == 0
        losses = page.locator("#figure-losses")
        losses.get_by_role("group", name="Seeds").get_by_role(
            "button", name="0", exact=True
        ).click()
        assert losses.locator("svg.en path[data-seed]").count() == 10, "two curves a panel"


def test_dots_of_single_seeds_go_and_come_back(browser, address):
    with opened(browser, address) as page:
        figure = page.locator("#figure-overview")
        seen = figure.locator("svg.en [data-seed]:visible")
        total = seen.count()
        bar = figure.get_by_role("group", name="Seeds")
        seed = bar.get_by_role("button", name="4", exact=True)
        assert seed.get_attribute("aria-pressed") == "true"
        seed.click()
        assert seen.count() == total - 17
        assert figure.locator("svg.en [data-seed='4']:visible").count() == 0
        bar.get_by_role("button", name="All").click()
        assert seen.count() == total
        shown(page, "zh")
        assert bar.inner_text().startswith("种子")
        page.emulate_media(media="print")
        assert not bar.is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_of_a_heat_map_are_legible(browser, address, theme):
    """4.5 to 1 is what WCAG asks of small text."""
    with opened(browser, address, theme=theme) as page:
        ground, ink, heat = page.evaluate(
            """() => ["--paper", "--ink", "--heat"].map(name => {
              const probe = document.body.appendChild(document.createElement("i"));
              probe.style.color = `var(${name})`;
              return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
            })"""
        )
        paper, full = luminance(ground), luminance(heat)
        assert abs(paper - full) > 0.1, "a full cell is told from an empty one"
        for share in np.linspace(0, 1, 21):
            cell = [share * a + (1 - share) * b for a, b in zip(heat, ground, strict=True)]
            low, high = sorted([luminance(cell), luminance(ink)])
            assert (high + 0.05) / (low + 0.05) >= 4.5, share
        svg = page.locator("#figure-confusion svg.en")
        fills = svg.locator("[data-cells] path").evaluate_all(
            "all => all.map(path => getComputedStyle(path).fill)"
        )
        assert set(fills) - {"none"} == {"rgb({}, {}, {})".format(*heat)}, "none: a share of 0"
        assert len(fills) == 300
        colours = svg.locator("text").evaluate_all(
            "all => all.filter(text => /^\\d+$/.test(text.textContent))"
            ".map(text => getComputedStyle(text).fill)"
        )
        assert set(colours) == {"rgb({}, {}, {})".format(*ink)}


def luminance(colour):
    """Relative, as WCAG defines it."""
    parts = np.array(colour) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_a_cell_of_the_confusion_shows_its_images(browser, address):
    known = evidence(True)
    labels = known.dataset.test_labels
    predicted = np.array(known.predictions("net-relu", known.last_reading("net-relu")))
    with opened(browser, address) as page:
        figure = page.locator("#figure-confusion")
        panel = figure.locator(".behind")
        hint = panel.inner_text()
        assert hint == "Click a cell to see test images of it."
        cell = figure.locator("svg.en [data-cells='net-relu'] path").nth(10 * 3 + 5)
        page.mouse.move(*middle(page, cell))
        assert re.search(r"cat, taken for dog: \d+\.\d%", page.locator(".tip").inner_text())
        assert panel.inner_text() == hint, "a pointer that passes changes nothing"
        page.mouse.click(*middle(page, cell))
        assert panel.inner_text().startswith("Net (ReLU), 100 cat, taken for dog: ")
        tiles = panel.locator("li")
        assert tiles.count() >= 3
        for tile in tiles.all():
            number = int(tile.locator("canvas").get_attribute("aria-label").split()[-1])
            said = (predicted[:, number] == 5).sum()
            assert labels[number] == 3
            assert tile.inner_text() == f"{said} / {len(predicted)}"
        number = int(tiles.first.locator("canvas").get_attribute("aria-label").split()[-1])
        page.wait_for_timeout(100)
        drawn = tiles.first.locator("canvas").evaluate(
            "canvas => [...canvas.getContext('2d').getImageData(0, 0, 32, 32).data]"
        )
        drawn = np.array(drawn).reshape(32, 32, 4)[..., :3]
        image = known.dataset.test_images[number].transpose(1, 2, 0)
        assert np.abs(drawn - image.astype(int)).mean() < 12, "the same but for JPEG"
        svg = figure.locator("svg.en")
        svg.focus()
        page.keyboard.press("ArrowDown")
        assert "bird, taken for dog" not in panel.inner_text()
        assert "deer, taken for dog: " in panel.inner_text()
        shown(page, "zh")
        figure.locator("svg.zh").focus()
        page.keyboard.press("Home")
        assert panel.inner_text().startswith("原模型（ReLU），100 飞机判对：")


def test_every_cell_off_the_diagonal_has_an_image(browser, address):
    with opened(browser, address) as page:
        data = json.loads(page.locator("#confusion-data").text_content())
    known = evidence(True)
    labels = known.dataset.test_labels
    assert {each[0] for each in data["images"]} >= set(range(20)), "those that the page has"
    for at, model in enumerate(data["models"]):
        predicted = np.array(known.predictions(model, known.last_reading(model)))
        cells = {(truth, c) for _, truth, votes in data["images"] for c in votes[at][::2]}
        real = {(int(labels[n]), int(p)) for each in predicted for n, p in enumerate(each)}
        assert len(cells & real) == len(cells)
        assert len(cells) >= 90, f"{model}: {len(cells)} of {len(real)}"


def recorded_run(model, seed):
    (run,) = (run for run in evidence(True).runs(model) if run.spec.seed == seed)
    return run


def test_every_link_leads_somewhere(browser, address):
    with opened(browser, address) as page:
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
        anchors = {link for link in links if link.startswith("#")}
        assert len(anchors) > 10
        for anchor in anchors:
            assert page.locator(f"[id='{anchor[1:]}']").count() == 1, anchor
        assert all(link.startswith(("#", "data:application/json")) for link in links)


def test_a_link_to_a_run_opens_it_and_its_record_can_be_taken(browser, address):
    with opened(browser, address) as page:
        run = page.locator("details").first.get_attribute("id")
        page.goto(f"{address}#{run}")
        page.wait_for_selector(f"[id='{run}'][open]")
        with page.expect_download() as download:
            page.locator(f"[id='{run}'] a[download]").click()
        assert download.value.suggested_filename == run.removeprefix("run-") + ".json"


def test_a_value_leads_to_all_runs_that_it_is_the_mean_of(browser, address):
    with opened(browser, address) as page:
        assert page.locator("#runs-improved details[open]").count() == 0
        page.locator("#table-3-3 a[href='#runs-improved']").first.click()
        page.wait_for_selector("#runs-improved details[open]")
        assert page.locator("#runs-improved details[open]").count() == 10
        assert page.locator("#runs-net-relu details[open]").count() == 0


@pytest.mark.parametrize(("lang", "theme", "size"), STATES)
def test_nothing_scrolls_sideways_and_axe_finds_nothing_serious(
    browser, address, axe, lang, theme, size
):
    with opened(browser, address, size=size, theme=theme) as page:
        shown(page, lang)
        for details in page.locator("details").all()[:2]:
            details.evaluate("element => { element.open = true; }")
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], f"{widths[0]} pixels wide on {widths[1]}"
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
            for each in found["violations"] if each["impact"] in {"serious", "critical"}
        ]  # fmt: skip
        assert not serious, "\n".join(serious)


def test_it_can_be_used_by_keyboard(browser, address):
    with opened(browser, address) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "language"
        page.keyboard.press("Enter")
        assert page.locator("html").get_attribute("data-lang") == "zh"


def test_it_is_readable_without_scripts(browser, address):
    with opened(browser, address, script=False) as page:
        assert page.locator("#h-result").is_visible()
        assert page.locator("#table-3-1 tbody tr").count() == 4
        assert page.locator(".filters:visible").count() == 0
        dot = page.locator("#figure-overview svg.en [data-seed='0'] title").first
        assert dot.text_content().startswith("seed 0: "), "the browser shows it"


def test_it_prints(browser, address):
    """What a reader wants on paper: no digests and no buttons, under ten pages of figures."""
    with opened(browser, address, theme="dark") as page:
        pdf = page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        assert 5 < len(re.findall(rb"/Type ?/Page\b(?!s)", pdf)) < 10
        page.emulate_media(media="print")
        assert not page.locator(".tools").is_visible()
        assert page.locator(".filters:visible").count() == 0
        assert not page.locator("#runs").is_visible()
        assert not page.locator("#hint").is_visible()
        assert not page.locator(".behind").is_visible()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
