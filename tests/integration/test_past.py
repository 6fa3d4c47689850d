"""History as columns: whatever the policy, it says of every draft what the gate says."""

import builders
import gated
import numpy as np
import pytest
from builders import NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from store import past
from store.actions import Action, reply_only
from store.columns import ROWS
from store.engine import Store
from store.gate import AmountRule, GateInput, PolicyBody, evaluate
from store.outputs import Reason
from store.schema import Draft, Run
from store.transitions import Outcome

BLOCK = Reason(code="recipient_mismatch", message="The draft would act on another customer")
KINDS = ("refund", "reply_only", "cancel_order")
CONFIDENCES = (None, 0.3, 0.85, 0.86, 0.9, 0.999)

policies = st.builds(
    PolicyBody,
    threshold=st.sampled_from([0.5, 0.85, 0.9, 0.98]),
    thresholds=st.dictionaries(st.sampled_from(KINDS), st.sampled_from([0.2, 0.86, 0.99])),
    amount_rules=st.lists(
        st.builds(
            AmountRule,
            kind=st.sampled_from(KINDS),
            above_minor=st.sampled_from([0, 4_000, 10_000]),
            outcome=st.sampled_from([Outcome.ESCALATE, Outcome.BLOCK]),
        ),
        max_size=2,
    ).map(tuple),
    always_person=st.lists(st.sampled_from(KINDS), max_size=1).map(tuple),
    daily_cap_minor=st.sampled_from([5_000, 20_000]),
    two_person_above_minor=st.sampled_from([3_000, 100_000]),
)


def cancel() -> Action:
    return Action(kind="cancel_order", tool="cancel_order", args={}, customer_id="C-1")


@pytest.fixture
def varied(store: Store) -> Store:
    """A store with drafts of every sort that the gate tells apart, composites among them."""
    two = builders.refund(4_500).model_copy(update={"also": (cancel(), builders.refund(1_000))})
    actions = (reply_only("C-1"), builders.refund(2_000), builders.refund(12_000), cancel(), two)
    for number, confidence in enumerate(CONFIDENCES):
        for place, action in enumerate(actions):
            store.transact(
                builders.case,
                confidence=confidence,
                action=action,
                concerns=("The invoice is missing",) if (number + place) % 5 == 0 else (),
                blocks=(BLOCK,) if (number + place) % 7 == 0 else (),
                spent=3_000 if place % 2 else 0,
            )
    return store


def facts(session: Session) -> dict[int, GateInput]:
    rows = session.exec(select(Draft)).all()
    return {row.run_id: GateInput.model_validate(row.gate_input) for row in rows}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=policies)
def test_columns_say_of_every_draft_what_the_gate_says(varied: Store, body: PolicyBody) -> None:
    history, stored = varied.read(past.load), varied.read(facts)
    automatic = history.automatic(body)
    for place, run_id in enumerate(history.run_id):
        known = stored[int(run_id)].model_copy(
            update={"automatic_today_minor": int(history.spent_minor[place])}
        )
        assert automatic[place] == (evaluate(known, body).outcome is Outcome.PASS)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=policies,
    kind=st.sampled_from([past.ALL, *KINDS]),
    threshold=st.sampled_from([0.5, 0.85, 0.86, 0.95]),
)
def test_a_moved_threshold_releases_what_the_gate_would_pass(
    varied: Store, body: PolicyBody, kind: str, threshold: float
) -> None:
    history = varied.read(past.load)
    moved = (
        body.model_copy(update={"threshold": threshold})
        if kind == past.ALL
        else body.model_copy(update={"thresholds": {**body.thresholds, kind: threshold}})
    )
    assert np.array_equal(history.release(body, kind) > threshold, history.automatic(moved))


def test_what_the_gate_weighed_is_kept_as_the_runs_columns(store: Store) -> None:
    case = gated.case(store, confidence=0.95, concerns=("No invoice",), blocks=(BLOCK,))
    run = gated.run(store, case.run_id)
    assert (run.doubts, run.is_blocked, run.is_composite) == (1, True, False)
    assert run.coin is not None
    assert run.coin_rate == 0.02


def test_only_the_newest_drafts_are_read_where_so_many_are_asked_for(store: Store) -> None:
    runs = [gated.case(store).run_id for _ in range(3)]
    assert list(store.read(past.load, newest=2).run_id) == runs[1:]
    assert len(store.read(past.load, since=NOW)) == 3


def test_a_part_of_history_keeps_its_composites(varied: Store) -> None:
    history = varied.read(past.load)
    assert len(history.composites) == len(CONFIDENCES)
    part = history.at(np.array(sorted(history.composites)))
    assert set(part.composites) == set(range(len(CONFIDENCES)))
    body = PolicyBody(threshold=0.2)
    whole = history.automatic(body)[sorted(history.composites)]
    assert np.array_equal(part.automatic(body), whole)


def test_nothing_gated_is_an_empty_history(store: Store) -> None:
    history = store.read(past.load)
    assert (len(history), history.kinds, history.calibrators) == (0, (), ())
    assert list(history.automatic(PolicyBody())) == []
    assert history.tally(history.of_kind(past.ALL)).labelled == 0


def test_drafts_read_in_several_parts_are_all_there_and_in_order(store: Store) -> None:
    n = 2 * ROWS + 7
    store.transact(gated.several, n)
    gated.execute(
        store,
        "UPDATE run SET created_at = strftime('%Y-%m-%d %H:%M:%f000', created_at,"
        " '-' || ((id * 7919 % :n) / 8.0) || ' seconds'),"
        " confidence = CASE WHEN id % 3 THEN id / 1e6 END, doubts = id % 2,"
        " amount_minor = CASE WHEN id % 5 THEN id END, similarity = id / 2e6,"
        " calibrator_version = CASE WHEN id % 4 THEN 'c' || (id % 4) END,"
        " action_kind = CASE WHEN id % 3 = 1 THEN 'refund' WHEN id > 1500 THEN 'cancel_order' END",
        n=n,
    )
    history = store.read(past.load)
    stored = store.read(lambda s: s.exec(select(Run).order_by(col(Run.created_at))).all())
    assert list(history.run_id) == [run.id for run in stored]
    assert [history.moment(place) for place in range(n)] == [run.created_at for run in stored]
    assert list(history.amount_minor) == [run.amount_minor or 0 for run in stored]
    assert list(history.has_doubts) == [run.doubts > 0 for run in stored]
    assert known(history.confidence) == [run.confidence for run in stored]
    assert known(history.similarity) == [run.similarity for run in stored]
    assert history.kinds == ("cancel_order", "refund")
    assert named(history.kind, history.kinds) == [run.action_kind for run in stored]
    assert history.calibrators == ("c1", "c2", "c3")
    assert named(history.calibrator, history.calibrators) == [
        run.calibrator_version for run in stored
    ]


def known(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def named(places: NDArray[np.int64], names: tuple[str, ...]) -> list[str | None]:
    return [None if place < 0 else names[place] for place in places]
