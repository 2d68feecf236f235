from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repro.verdicts.cells import Cell
from repro.verdicts.judging import VerdictKind, judge

values = st.lists(st.integers(0, 10_000).map(lambda k: k / 10_000), max_size=12)
cells = st.builds(
    Cell, table=st.just("3-1"), row=st.just(10), column=st.just("c"), model=st.just("net-relu"),
    expected=st.integers(0, 10_000).map(lambda k: k / 10_000), tolerance=st.just(0.05),
    place=st.just("p"),
)  # fmt: skip


@given(cells, values)
def test_success_is_never_given_outside_the_tolerance_nor_without_a_run(cell, accuracies):
    verdict = judge(cell, accuracies)
    if verdict.kind.is_success:
        assert abs(verdict.difference) <= 0.05 + 1e-9
    if not accuracies:
        assert verdict.kind == VerdictKind.NOT_RUN
    if len(accuracies) < 2:
        assert verdict.kind not in {VerdictKind.REPRODUCED, VerdictKind.DIFFERS}, (
            "one seed has no interval"
        )


@given(cells, values, st.randoms())
def test_the_order_of_seeds_does_not_matter(cell, accuracies, random):
    one, other = judge(cell, accuracies), judge(cell, random.sample(accuracies, len(accuracies)))
    assert (one.kind, one.n) == (other.kind, other.n)
