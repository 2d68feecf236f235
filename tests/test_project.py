"""What the project says of itself agrees with what it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import repro.spec
from repro.paths import packaged
from repro.reporting.cell_tables import cells_to_text
from repro.reporting.claim_tables import claims_to_text
from repro.reporting.figures.registry import FIGURES, render_picture
from repro.reporting.figures.style import Style, load_matplotlib
from repro.reporting.pattern_tables import patterns_to_text
from repro.reporting.search_tables import decision_text, stages_to_markdown
from repro.reporting.summary import summary
from repro.verdicts.cells import load_cells
from repro.verdicts.judging import judge_records
from repro.verdicts.search import recorded_search
from tests.recorded import recorded_evidence, recorded_runs
from tests.test_docs import application

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh.md"]
RESULTS = [("docs/results.md", "en"), ("docs/results.zh.md", "zh")]
PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


PINS = text("constraints/pins.txt")


def marked(name, mark):
    """What stands between the two marks of a page."""
    return text(name).partition(f"<!-- {mark} -->\n")[2].partition(f"\n<!-- /{mark} -->")[0]


def commands(name):
    """The one-line commands of a page's shell blocks."""
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text(name), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.mark.parametrize("name", READMES)
def test_the_first_two_commands_are_one_line_each_and_ci_runs_the_second(name):
    first, second, *_ = commands(name)
    assert first == commands("README.md")[0]
    assert first.endswith(".venv/bin/repro table 3-1")
    assert second.endswith(".venv/bin/nox -s tests")
    # `|| exit 1`: `set -e` lets a failure in the middle of `a && b && c` pass.
    assert f"{second} || exit 1" in text(".ci/run").splitlines()
    assert second in text("CONTRIBUTING.md")


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md", *PAGES])
def test_every_command_that_a_page_names_exists(name):
    top = application().commands
    known = {
        *top,
        *(f"{name} {inner}" for name in top for inner in getattr(top[name], "commands", ())),
    }
    named = set(
        re.findall(
            r"(?<!from )repro ((?:data |export |runs )?[a-z]+)",
            "\n".join(re.findall(r"`([^`\n]+)`", text(name))),
        )
    )
    assert named - known == set()
    for session in {
        s for line in re.findall(r"nox -s ([a-z_ ]+)", text(name)) for s in line.split()
    }:
        assert f"def {session}(session" in text("noxfile.py"), session


@pytest.mark.parametrize(
    "name", [*READMES, "CONTRIBUTING.md", "results/README.md", "expected_results/README.md"]
)
def test_links_inside_the_repository_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)\)", text(name)):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


def test_both_readmes_have_the_same_sections():
    one, other = (
        [line for line in text(name).splitlines() if line.startswith("## ")] for name in READMES
    )
    assert len(one) == len(other)


def test_the_readmes_are_short():
    """What does not fit belongs into `docs/`."""
    assert len(text("README.md").split()) < 1_200
    assert len(re.findall("[\u4e00-\u9fff]", text("README.zh.md"))) < 2_400


@pytest.mark.parametrize(("name", "lang"), [("README.md", "en"), ("README.zh.md", "zh")])
def test_the_result_in_the_readme_is_that_of_the_records(name, lang):
    known = recorded_evidence()
    said = "\n".join(f"- {line}" for line in summary(known.verdicts, known.judgements, lang))
    assert marked(name, "result") == said, f"this is the result now:\n{said}"


@pytest.mark.parametrize(("name", "lang"), RESULTS)
def test_the_tables_of_the_results_are_those_of_the_records(name, lang):
    cells = load_cells(packaged("expected_results"))
    verdicts = judge_records(cells, recorded_runs())
    assert marked(name, "tables") == cells_to_text(verdicts, "md", lang), (
        "`repro table all --recorded --format md` makes them"
    )


@pytest.mark.parametrize(("name", "lang"), RESULTS)
def test_the_claims_of_the_results_are_those_of_the_records(name, lang):
    assert marked(name, "claims") == claims_to_text(recorded_evidence().judgements, "md", lang), (
        "`repro claims --recorded --format md` makes them"
    )


@pytest.mark.parametrize(("name", "lang"), RESULTS)
def test_the_patterns_of_the_results_are_those_of_the_records(name, lang):
    known = recorded_evidence()
    names = {cell.model: cell.column for cell in known.cells}
    assert marked(name, "patterns") == patterns_to_text(known.patterns, "md", names, lang), (
        "`repro patterns --recorded --format md` makes them"
    )


PICTURES = [
    (figure, f"docs/images/{figure}{suffix}.svg", lang)
    for figure in ("overview", "recipe-search")
    for suffix, lang in (("", "en"), (".zh", "zh"))
]


@pytest.mark.parametrize(("figure", "name", "lang"), PICTURES)
def test_a_picture_of_the_readme_is_that_of_the_records(figure, name, lang):
    """Another version of matplotlib draws other bytes."""
    if f"Matplotlib v{load_matplotlib().__version__}," not in text(name):
        pytest.skip("drawn by another version of matplotlib; the next test names it")
    drawn = render_picture(FIGURES[figure], Style(lang=lang), recorded_evidence(), "svg")
    assert (ROOT / name).read_bytes() == drawn, (
        f"`repro figure {figure} --recorded --format svg --lang {lang} --out DIR` makes it: "
        f"move DIR/{figure}.svg to {name}"
    )


@pytest.mark.parametrize("name", [name for _, name, _ in PICTURES])
def test_a_picture_of_the_readme_was_drawn_by_the_pinned_matplotlib(name):
    (pin,) = re.findall(r'^matplotlib==(\S+); python_version >= "3.11"$', PINS, re.MULTILINE)
    assert f"Matplotlib v{pin}," in text(name), "draw it with the pinned versions"


def test_the_docs_count_the_candidates_of_the_search():
    candidates = {fit.candidate for fit in recorded_search().fits}
    assert f"{len(candidates)} candidates" in text("docs/recipe-search.md")
    assert f"{len(candidates)} 种候选设置" in text("docs/recipe-search.zh.md")


@pytest.mark.parametrize(
    ("name", "lang"), [("docs/recipe-search.md", "en"), ("docs/recipe-search.zh.md", "zh")]
)
def test_the_search_in_the_docs_is_the_recorded_one(name, lang):
    found = recorded_search()
    said = f"{stages_to_markdown(found.stages, lang)}\n\n{decision_text(found, lang)}"
    assert marked(name, "search") == said, f"this is the search now:\n{said}"


def test_versions_agree():
    assert f"version: {repro.__version__}\n" in text("CITATION.cff")
    assert f"## {repro.__version__}" in text("CHANGELOG.md")


def test_the_recipe_in_the_docs_is_the_recipe():
    recipe = repro.spec.REPORT_RECIPES["net-relu"]
    for name in ("docs/recipe.md", "docs/recipe.zh.md"):
        assert f"| {recipe.batch_size} |" in text(name)
        assert f"| {recipe.learning_rate} |" in text(name)


@pytest.mark.parametrize("name", [*READMES, "docs/install.md"])
def test_the_small_torch_is_the_pinned_one(name):
    """Another would be replaced by the large one when the package is installed."""
    (command,) = re.findall(r"pip install (torch==.*) --index-url \S+/whl/cpu\b", text(name))
    assert command.split() == re.findall(r"^torch(?:vision)?==\S+$", PINS, re.MULTILINE)


@pytest.mark.parametrize("name", ["bits", "cluster", "regression", "web"])
def test_folders_that_the_fast_tests_leave_out_have_a_mark_of_their_own(name):
    files = sorted((ROOT / "tests" / name).glob("test_*.py"))
    assert files
    wrong = [
        path.name
        for path in files
        if not re.search(
            rf"^pytestmark = .*pytest\.mark\.{name}\b", path.read_text("utf-8"), re.MULTILINE
        )
        or "mark.slow" in path.read_text(encoding="utf-8")
    ]
    assert wrong == []
