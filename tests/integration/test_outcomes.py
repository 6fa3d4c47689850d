"""Later outcomes: what they say of a draft, which verdicts they replace, and what stays unknown."""

from datetime import timedelta

import gated
import pytest
from builders import NOW
from sqlmodel import Session, col, select

from store import labels, outcomes, reviews, undoing
from store.engine import Store
from store.errors import NotFound
from store.gate import PolicyBody
from store.outcomes import NewOutcome, Recorded
from store.schema import Label, Ticket
from store.transitions import LabelSource, OutcomeKind, Verdict

CHARGED_BACK = OutcomeKind.CHARGED_BACK


def hand_in(store: Store, *items: NewOutcome) -> Recorded:
    return store.transact(outcomes.record, items, person="Ana", now=NOW)


def counted(store: Store) -> list[tuple[bool, float, LabelSource]]:
    """Return what counts of whole drafts: right or not, by what chance, from where."""

    def read(session: Session) -> list[tuple[bool, float, LabelSource]]:
        columns = (Label.is_right, Label.inclusion_probability, Label.source)
        found = labels.valid(*(col(column) for column in columns)).where(labels.whole_draft())
        return [tuple(row) for row in session.execute(found)]

    return store.read(read)


def stored(store: Store) -> list[Label]:
    return store.read(
        lambda session: list(
            session.exec(select(Label).where(Label.source == LabelSource.OUTCOME)).all()
        )
    )


def test_a_complaint_about_an_audited_draft_replaces_its_verdict(store: Store) -> None:
    case = gated.passed(store, policy=PolicyBody(audit_rate=1.0))
    store.transact(reviews.decide, case.verdict(Verdict.RIGHT), now=NOW)
    hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id))
    assert counted(store) == [(False, 1.0, LabelSource.OUTCOME)]


def test_a_complaint_that_came_before_the_verdict_replaces_it_as_well(store: Store) -> None:
    case = gated.case(store)
    hand_in(store, NewOutcome(OutcomeKind.REOPENED, run_id=case.run_id))
    store.transact(reviews.decide, case.approve(), now=NOW)
    assert counted(store) == [(False, 1.0, LabelSource.OUTCOME)]


def test_an_undone_verdict_takes_the_complaint_out_of_the_rate_again(store: Store) -> None:
    case = gated.case(store)
    decided = store.transact(reviews.decide, case.approve(), now=NOW, undo_seconds=60)
    hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id))
    store.transact(undoing.undo, decided.decision_id, "Ana", now=NOW + timedelta(seconds=1))
    assert counted(store) == []


def test_a_complaint_about_a_draft_nobody_judged_is_in_no_rate(store: Store) -> None:
    case = gated.passed(store, policy=PolicyBody(audit_rate=0.0))
    hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id, note="bank dispute 81"))
    assert counted(store) == []
    (label,) = stored(store)
    assert (label.is_right, label.inclusion_probability, label.person) == (False, None, "Ana")


def test_a_confirmation_never_overrules_a_person_who_said_wrong(store: Store) -> None:
    case = gated.case(store)
    store.transact(reviews.decide, case.reject(), now=NOW)
    hand_in(store, NewOutcome(OutcomeKind.CONFIRMED, run_id=case.run_id))
    assert counted(store) == [(False, 1.0, LabelSource.DECISION)]


def test_an_outcome_handed_in_twice_is_a_duplicate(store: Store) -> None:
    case = gated.case(store)
    again = NewOutcome(CHARGED_BACK, run_id=case.run_id)
    assert hand_in(store, again) == Recorded(1, 0, ())
    assert hand_in(store, again, again) == Recorded(0, 2, ())
    assert gated.count(store, "outcome") == 1


def test_an_item_that_fits_nothing_is_rejected_while_the_others_go_in(store: Store) -> None:
    case = gated.case(store)
    ticket = store.read(lambda session: session.exec(select(Ticket.external_id)).one())
    done = hand_in(
        store,
        NewOutcome(CHARGED_BACK, ticket="nobody-knows"),
        NewOutcome(CHARGED_BACK, ticket=ticket),
        NewOutcome(CHARGED_BACK, ticket=ticket, run_id=case.run_id),
        NewOutcome(CHARGED_BACK, run_id=case.run_id + 99),
    )
    assert (done.accepted, done.duplicates) == (1, 0)
    assert [index for index, _ in done.rejected] == [0, 2, 3]
    assert "nobody-knows" in done.rejected[0][1]


def test_only_people_of_the_company_hand_outcomes_in(store: Store) -> None:
    case = gated.case(store)
    with pytest.raises(NotFound):
        store.transact(
            outcomes.record,
            [NewOutcome(CHARGED_BACK, run_id=case.run_id)],
            person="Mallory",
            now=NOW,
        )
    assert gated.count(store, "outcome") == 0
