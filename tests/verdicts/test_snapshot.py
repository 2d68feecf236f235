"""What is listed of the evidence: a change in either direction fails, and nothing is left out."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats

from repro.errors import DataError
from repro.runs.locations import fitting_store
from repro.runs.selection import model_of
from repro.spec import REPORT_RECIPES
from repro.verdicts.cells import Cell
from repro.verdicts.claim_file import Claim
from repro.verdicts.claims import judge_claim
from repro.verdicts.evaluations import recipe_for_model
from repro.verdicts.expected_list import Listing, accept, load_listing
from repro.verdicts.judging import judge, judge_records
from repro.verdicts.snapshot import check_fresh, check_listing
from tests.examples import TORCH_ENVIRONMENT, record, sha
from tests.recorded import recorded_runs

CLAIM = Claim(name="rises", says="It rises", place="x", greater=(("net-relu@30", "net-relu@10"),))


def cell(table="3-1", row=10):
    return Cell(
        table=table,
        row=row,
        column="Net",
        model="net-relu",
        expected=0.58,
        tolerance=0.05,
        place="x",
    )


def judged(*values):
    return judge_claim(CLAIM, [{"net-relu@10": a, "net-relu@30": b} for a, b in values])


VERDICTS = [judge(cell(), [0.575, 0.58, 0.585]), judge(cell("3-4"), [0.575, 0.58, 0.585])]
JUDGEMENTS = [judged(*[(0.5, 0.6), (0.5, 0.7)] * 2, (0.5, 0.6))]


@pytest.fixture
def folder(tmp_path):
    accept(tmp_path, VERDICTS, JUDGEMENTS, None)
    return tmp_path


def failing(listing, verdicts=VERDICTS, judgements=JUDGEMENTS):
    return [check.what for check in check_listing(listing, verdicts, judgements) if not check.holds]


def test_what_was_accepted_holds(folder):
    listing = load_listing(folder)
    assert listing.verdicts["3-4", "net-relu@10"] == (3, "REPRODUCED", "")
    assert listing.claims == {"rises": (5, 5, "SUPPORTED")}
    assert failing(listing) == []


@pytest.mark.parametrize(
    "values",
    [[0.57, 0.58], [0.575, 0.58, 0.585, 0.58], [0.595, 0.596, 0.597], [0.7, 0.71, 0.72], []],
)
def test_a_cell_with_another_verdict_or_number_of_seeds_fails(folder, values):
    changed = [judge(cell(), values), VERDICTS[1]]
    assert failing(load_listing(folder), changed) == ["table 3-1, net-relu@10"]


def test_a_cell_that_gets_better_fails_too(folder):
    worse = [judge(cell(), [0.595, 0.596, 0.597]), VERDICTS[1]]
    accept(folder, worse, JUDGEMENTS, None)
    assert failing(load_listing(folder), worse) == []
    assert failing(load_listing(folder)) == ["table 3-1, net-relu@10"]


def test_a_claim_with_another_finding_fails(folder):
    assert failing(load_listing(folder), judgements=[judged((0.5, 0.6), (0.5, 0.4))]) == [
        "claim rises"
    ]


def test_a_cell_or_claim_that_is_gone_or_new_fails(folder):
    listing = load_listing(folder)
    assert failing(listing, VERDICTS[:1]) == ["table 3-4, net-relu@10"]
    assert failing(listing, [*VERDICTS, judge(cell(row=30), [0.58])]) == ["table 3-1, net-relu@30"]
    assert failing(listing, judgements=[]) == ["claim rises"]
    assert failing(Listing(verdicts=listing.verdicts, claims={})) == ["claim rises"]


def told(checks):
    return [(each.what, each.listed, each.obtained, each.holds, each.text) for each in checks]


def test_each_check_says_what_is_listed_and_what_was_obtained(folder):
    """A missing one stands among the others, and hides none of them."""
    differs = judge(cell(row=30), [0.70, 0.701])
    before = Listing(verdicts={("3-1", "net-relu@30"): (2, "DIFFERS", "known")}, claims={})
    accept(folder, [differs, *VERDICTS], JUDGEMENTS, before)
    listing = load_listing(folder)
    other = dataclasses.replace(
        JUDGEMENTS[0], claim=Claim(name="falls", says="It falls", place="x", greater=CLAIM.greater)
    )
    found = check_listing(
        Listing(
            verdicts={("3-3", "net-relu@60"): (4, "CLOSE", ""), **listing.verdicts},
            claims={"gone": (3, 2, "OPEN"), **listing.claims},
        ),
        [judge(cell("3-2"), []), differs, VERDICTS[0], judge(cell("3-4"), [0.5])],
        [other, *JUDGEMENTS],
    )
    absent = "listed and not in expected_results/"
    assert told(found) == [
        ("table 3-3, net-relu@60", "CLOSE", "–", False, absent),
        ("table 3-1, net-relu@30", "DIFFERS, n = 2", "DIFFERS, n = 2", True, "known"),
        ("table 3-1, net-relu@10", "REPRODUCED, n = 3", "REPRODUCED, n = 3", True, ""),
        (
            "table 3-4, net-relu@10", "REPRODUCED, n = 3", "INCONCLUSIVE, n = 1", False,
            "a cell that is no success needs its reason in the list",
        ),
        ("table 3-2, net-relu@10", "–", "NOT RUN", False, "not listed"),
        ("claim gone", "OPEN", "–", False, absent),
        ("claim rises", "SUPPORTED, 5 of 5", "SUPPORTED, 5 of 5", True, ""),
        ("claim falls", "–", "SUPPORTED", False, "not listed"),
    ]  # fmt: skip


def test_each_fresh_check_says_what_is_listed_and_what_was_obtained():
    listing = Listing(verdicts={("3-1", "net-relu@30"): (2, "REPRODUCED", "known")}, claims={})
    verdicts = [
        judge(cell(), [0.5]),
        judge(cell(row=60), [0.5], is_primary=False),
        judge(cell(row=30), [0.58]),
    ]
    assert told(check_fresh(listing, verdicts, [], [])) == [
        ("table 3-1, net-relu@10", "–", "INCONCLUSIVE", False, "not listed"),
        ("table 3-1, net-relu@30", "REPRODUCED, n = 2", "ONE RUN, n = 1", True, "known"),
    ]


def test_every_run_whose_bits_are_promised_is_compared():
    """Also those that follow one of which no bits are recorded, and where one went further."""
    new, one = record(seed=7), record(seed=1, accuracies={10: 0.58, 30: 0.6})
    shorter = dataclasses.replace(one, epochs=one.epochs[:12], readings=one.readings[:1])
    checks = check_fresh(Listing(verdicts={}, claims={}), [], [new, shorter], [one])
    assert told(checks)[0] == (f"bits of {one.spec.name}", "12 epochs", "the same", True, "")


def test_the_p_of_fresh_accuracies_is_that_of_students_t_with_the_pooled_spread():
    """Three against five runs of two networks; each network's spread is its own."""
    random = np.random.default_rng(0)
    then = {"net-relu": 0.58 + 0.01 * random.normal(size=5), "resnet": random.uniform(size=5)}
    now = {"net-relu": 0.585 + 0.01 * random.normal(size=3), "resnet": random.uniform(size=3)}
    recorded, new = (
        [
            record(model, seed=seed, accuracies={10: float(value)}, **spec)
            for model, values in of_model.items()
            for seed, value in enumerate(values)
        ]
        for of_model, spec in ((then, {}), (now, {"device": "cuda", "engine": "torch"}))
    )
    found = {
        each.what: each for each in check_fresh(Listing(verdicts={}, claims={}), [], new, recorded)
    }
    for model, values in now.items():
        p = stats.ttest_ind(values, then[model]).pvalue
        each = found[f"accuracy of {model}@10"]
        assert each.text == f"p = {p:.3f}"
        assert each.listed == f"{then[model].mean():.4f}, n = 5"
        assert each.obtained == f"{values.mean():.4f}, n = 3"


def test_a_cell_that_differs_needs_its_reason(folder):
    far = [judge(cell(), [0.70, 0.701]), VERDICTS[1]]
    accept(folder, far, JUDGEMENTS, None)
    assert failing(load_listing(folder), far) == ["table 3-1, net-relu@10"]
    known = (2, "DIFFERS", "no recipe explains it")
    before = Listing(verdicts={("3-1", "net-relu@10"): known}, claims={})
    accept(folder, far, JUDGEMENTS, before)
    assert failing(load_listing(folder), far) == []
    doubtful = [judge(cell(), [0.70, 0.6]), VERDICTS[1]]
    accept(folder, doubtful, JUDGEMENTS, before)
    assert failing(load_listing(folder), doubtful) == ["table 3-1, net-relu@10"], "another verdict"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "verdicts.csv",
            "table,cell,n,verdict\n",
            "expected the columns table,cell,n,verdict,reason",
        ),
        ("verdicts.csv", "table,cell,n,verdict,reason\n", "a row at least"),
        ("verdicts.csv", "table,cell,n,verdict,reason\n3-1,a,2\n", "expected 5 values a row"),
        ("verdicts.csv", "table,cell,n,verdict,reason\n3-1,a,2,GOOD,\n", "with a verdict"),
        (
            "verdicts.csv",
            "table,cell,n,verdict,reason\n3-1,a,-2,DIFFERS,\n",
            "number of seeds: .*'-2'",
        ),
        ("claims.csv", "claim,n,k,finding\na,1,1,HOLDS\na,1,1,HOLDS\n", "each claim once"),
    ],
)
def test_a_list_of_another_form_is_refused(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=message):
        load_listing(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        load_listing(folder)


def test_a_cell_that_was_not_run_anew_fails_unless_it_was_not_run_before():
    assert not fresh([], [], expected="DIFFERS")["table 3-1, net-relu@10"].holds
    assert fresh([], [], expected="NOT RUN")["table 3-1, net-relu@10"].holds
    far = [record(seed=s, accuracies={10: 0.7 + s / 1000}) for s in (0, 1)]
    assert not fresh(far, [], expected="NOT RUN")["table 3-1, net-relu@10"].holds


@pytest.mark.parametrize("field", ["train_loss", "validation_accuracy"])
def test_a_fresh_run_with_the_recorded_weights_and_another_value_fails(field):
    one = record(seed=0)
    epochs = list(one.epochs)
    epochs[3] = dataclasses.replace(epochs[3], **{field: 0.9})
    checks = fresh([dataclasses.replace(one, epochs=tuple(epochs))], [one])
    assert checks[f"bits of {one.spec.name}"].obtained == "other from epoch 4"


def test_a_fresh_run_without_a_reading_that_is_due_fails_and_one_that_is_shorter_does_not():
    one = record(seed=0, accuracies={10: 0.58, 30: 0.62})
    checks = fresh([dataclasses.replace(one, readings=one.readings[:1])], [one])
    assert checks[f"bits of {one.spec.name}"].obtained == "other from epoch 30"
    shorter = dataclasses.replace(one, epochs=one.epochs[:20], readings=one.readings[:1])
    assert fresh([shorter], [one])[f"bits of {one.spec.name}"].holds


def fresh(records, recorded, expected="ONE RUN"):
    verdicts = judge_records([cell()], records)
    listing = Listing(verdicts={("3-1", "net-relu@10"): (2, expected, "")}, claims={})
    return {check.what: check for check in check_fresh(listing, verdicts, records, recorded)}


def test_fresh_runs_with_the_recorded_bits_hold():
    checks = fresh([record(seed=0)], [record(seed=0), record(seed=1, accuracies={10: 0.57})])
    assert all(check.holds for check in checks.values())
    bits = f"bits of {record(seed=0).spec.name}"
    assert set(checks) == {"table 3-1, net-relu@10", bits}
    assert checks[bits].listed == "10 epochs"


def test_a_fresh_run_is_not_compared_with_itself_by_its_accuracy():
    """Seed 0 has the recorded bits; what is left is seed 1, one more run beside the recorded."""
    recorded = [record(seed=0, accuracies={10: 0.6})]
    now = [*recorded, record(seed=1, accuracies={10: 0.7})]
    assert not any(what.startswith("accuracy") for what in fresh(now, recorded)), "one against one"


def test_a_reading_that_differs_is_named_by_its_epoch():
    one = record(seed=0)
    reading = dataclasses.replace(one.readings[0], accuracy=0.4)
    checks = fresh([dataclasses.replace(one, readings=(reading,))], [one], expected="DIFFERS")
    assert checks[f"bits of {one.spec.name}"].obtained == "other from epoch 10"


@pytest.mark.parametrize(("other", "holds"), [(0.58, True), (0.6, False)])
def test_runs_without_any_spread_are_compared_too(other, holds):
    recorded = [record(seed=n, accuracies={10: 0.58}) for n in (0, 1)]
    now = [record(seed=n, accuracies={10: other}, device="cuda", engine="torch") for n in (0, 1)]
    assert fresh(now, recorded)["accuracy of net-relu@10"].holds is holds


def test_fresh_runs_with_other_bits_fail_where_the_same_are_promised():
    one = record(seed=0)
    epochs = list(one.epochs)
    epochs[6] = dataclasses.replace(epochs[6], weights_sha256=sha("other"))
    checks = fresh([dataclasses.replace(one, epochs=tuple(epochs))], [one])
    bits = checks[f"bits of {one.spec.name}"]
    assert (bits.holds, bits.obtained) == (False, "other from epoch 7")
    elsewhere = dataclasses.replace(one.environment, kernels="9, avx2")
    moved = dataclasses.replace(one, epochs=tuple(epochs), environment=elsewhere)
    assert not any(what.startswith("bits") for what in fresh([moved], [one])), "not promised"


def test_a_fresh_cell_that_is_no_success_any_more_fails_and_one_that_becomes_one_too():
    far = [record(seed=s, accuracies={10: 0.7 + s / 1000}) for s in (0, 1)]
    assert not fresh(far, [])["table 3-1, net-relu@10"].holds
    assert not fresh([record(seed=0)], [], expected="DIFFERS")["table 3-1, net-relu@10"].holds
    assert fresh([record(seed=0)], [], expected="REPRODUCED")["table 3-1, net-relu@10"].holds


@pytest.mark.parametrize(("shift", "holds"), [(0.0, True), (0.05, False)])
@pytest.mark.parametrize("count", [3, 5])
def test_fresh_accuracies_must_not_contradict_the_recorded_ones(shift, holds, count):
    """Of another device, so that no bits are guaranteed."""
    noise = [0.001, -0.001, 0.0015, -0.0012, 0.0003]
    recorded = [record(seed=n, accuracies={10: 0.58 + each}) for n, each in enumerate(noise)]
    now = [
        record(seed=n, accuracies={10: 0.5805 + shift - noise[n]}, device="cuda", engine="torch")
        for n in range(count)
    ]
    assert fresh(now, recorded)["accuracy of net-relu@10"].holds is holds


RECORDED = [each for each in recorded_runs() if model_of(each.spec.recipe)]


def on_a_gpu(one, accuracies=None):
    """The run as a GPU may have trained it: the same accuracies or others, no bits guaranteed."""
    accuracies = accuracies or one.accuracies(dropout_on=one.spec.recipe.dropout_at_prediction)
    readings = tuple(
        dataclasses.replace(each, accuracy=accuracies[each.epoch]) for each in one.readings
    )
    spec = dataclasses.replace(one.spec, device="cuda", engine="torch")
    return dataclasses.replace(one, spec=spec, readings=readings, environment=TORCH_ENVIRONMENT)


def contradicted(now, recorded=RECORDED):
    """What a listing apart finds wrong with accuracies of runs on a GPU."""
    checks = check_fresh(Listing(verdicts={}, claims={}), [], now, recorded)
    return [each.what for each in checks if not each.holds]


@pytest.mark.parametrize("seeds", list(itertools.combinations(range(5), 3)))
def test_right_runs_of_a_gpu_hold(seeds):
    """Ten: three of the recorded seeds, as if they were fresh, beside the other two."""
    now = [on_a_gpu(each) for each in RECORDED if each.spec.seed in seeds]
    others = [each for each in RECORDED if each.spec.seed not in seeds]
    assert len(now) == 15
    assert contradicted(now, others) == []


def test_dropout_read_the_wrong_way_fails():
    now = [
        on_a_gpu(each, each.accuracies(dropout_on=False))
        for each in RECORDED
        if each.spec.recipe.has_dropout and each.spec.seed < 3
    ]
    # A run's own reading is with dropout off; what counts is the switched one, on.
    now = [
        dataclasses.replace(
            each,
            readings=tuple(
                dataclasses.replace(
                    one, switched=dataclasses.replace(one.switched, accuracy=one.accuracy)
                )
                for one in each.readings
            ),
        )
        for each in now
    ]
    assert "accuracy of improved" in contradicted(now)


def test_swish_trained_as_relu_fails():
    relu = {each.spec.seed: each for each in RECORDED if model_of(each.spec.recipe) == "net-relu"}
    now = [
        on_a_gpu(each, relu[each.spec.seed].accuracies(dropout_on=False))
        for each in RECORDED
        if model_of(each.spec.recipe) == "net-swish" and each.spec.seed < 3
    ]
    assert contradicted(now)


def test_a_wrong_recipe_fails():
    """Batches of 32 and ImageNet's scaling, one of the nearest candidates of the recipe search, as
    if it were the recipe in use: ResNet gives it away."""
    wrong = dataclasses.replace(REPORT_RECIPES["net-relu"], batch_size=32, pixels="imagenet")
    trained = fitting_store().records()
    now = []
    for model in ("net-relu", "net-leaky_relu", "net-swish", "resnet"):
        recipe = recipe_for_model(wrong, model)
        runs = [each for each in trained if each.spec.recipe == recipe]
        ours = [each for each in RECORDED if model_of(each.spec.recipe) == model]
        assert len(runs) == 3
        now += [
            on_a_gpu(each, other.accuracies(dropout_on=False))
            for each, other in zip(ours, runs, strict=False)
        ]
    assert "accuracy of resnet@10" in contradicted(now)


def test_fewer_seeds_than_can_tell_fail_where_no_bits_are_promised():
    now = [on_a_gpu(each) for each in RECORDED if each.spec.seed < 2]
    assert "seeds of resnet" in contradicted(now)
    assert not any(what.startswith("accuracy") for what in contradicted(now))
