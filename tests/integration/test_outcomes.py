"""Later outcomes: what they say of a draft, which verdicts they replace, and what stays unknown."""

from typing import Any

import gated
import pytest
from builders import NOW
from delivering import claim, deliver_all
from sqlmodel import Session, col, select

from store import deliveries, labels, outcomes, reviews
from store.engine import Store
from store.errors import NotFound
from store.gate import PolicyBody
from store.outcomes import NewOutcome, Recorded
from store.schema import Label, Ticket
from store.transitions import LabelSource, OutcomeKind, Verdict

AUDITED = PolicyBody(audit_rate=1.0)
CHARGED_BACK = OutcomeKind.CHARGED_BACK


def sent_alone(store: Store, **values: Any) -> gated.Gated:
    """Return a case that went out alone and was delivered."""
    case = gated.passed(store, **values)
    deliver_all(store)
    return case


def decided(store: Store, case: gated.Gated, request: reviews.DecisionRequest) -> gated.Gated:
    """Return the case with what its decision let go out delivered."""
    store.transact(reviews.decide, request, now=NOW, undo_seconds=0.0)
    deliver_all(store)
    return case


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
    case = sent_alone(store, policy=AUDITED)
    store.transact(reviews.decide, case.verdict(Verdict.RIGHT), now=NOW)
    hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id))
    assert counted(store) == [(False, 1.0, LabelSource.OUTCOME)]


def test_a_complaint_that_came_before_the_verdict_replaces_it_as_well(store: Store) -> None:
    case = sent_alone(store, policy=AUDITED)
    hand_in(store, NewOutcome(OutcomeKind.REOPENED, run_id=case.run_id))
    store.transact(reviews.decide, case.verdict(Verdict.RIGHT), now=NOW)
    assert counted(store) == [(False, 1.0, LabelSource.OUTCOME)]


def test_a_complaint_about_an_approved_draft_replaces_the_approval(store: Store) -> None:
    case = gated.case(store)
    decided(store, case, case.approve())
    hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id))
    assert counted(store) == [(False, 1.0, LabelSource.OUTCOME)]


@pytest.mark.parametrize("kind", OutcomeKind)
def test_nothing_comes_back_of_a_ticket_that_waits_for_a_person(
    store: Store, kind: OutcomeKind
) -> None:
    case = gated.case(store)
    done = hand_in(store, NewOutcome(kind, run_id=case.run_id))
    expected = f"Nothing was sent for run {case.run_id}, so nothing can have come back."
    assert done == Recorded(0, 0, ((0, expected),))
    decided(store, case, case.approve())
    assert counted(store) == [(True, 1.0, LabelSource.DECISION)]


def test_nothing_comes_back_of_a_draft_that_was_refused(store: Store) -> None:
    case = gated.case(store)
    decided(store, case, case.reject(blamed_step=labels.CUSTOMER))
    ticket = store.read(lambda session: session.exec(select(Ticket.external_id)).one())
    done = hand_in(store, NewOutcome(OutcomeKind.REOPENED, ticket=ticket))
    assert done.rejected[0][1].startswith(f"Nothing was sent for ticket `{ticket}`")
    assert counted(store) == [(True, 1.0, LabelSource.DECISION)]


def test_a_delivery_that_nobody_knows_of_is_settled_before_its_complaints(store: Store) -> None:
    case = gated.passed(store)
    (due,) = claim(store)
    store.transact(deliveries.mark_unknown, due, "no answer", now=NOW)
    done = hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id))
    assert "Nobody has said yet whether anything was sent" in done.rejected[0][1]


@pytest.mark.parametrize("kind", OutcomeKind)
def test_what_comes_back_of_a_persons_edit_says_nothing_of_the_draft(
    store: Store, kind: OutcomeKind
) -> None:
    case = gated.case(store)
    wording = case.edit(reply="Other words.", reason_code=labels.WORDING)
    decided(store, case, wording)
    assert hand_in(store, NewOutcome(kind, run_id=case.run_id)).accepted == 1
    assert counted(store) == [(True, 1.0, LabelSource.DECISION)]
    assert stored(store) == []


def test_a_complaint_about_a_draft_nobody_judged_is_in_no_rate(store: Store) -> None:
    case = sent_alone(store, policy=PolicyBody(audit_rate=0.0))
    hand_in(store, NewOutcome(CHARGED_BACK, run_id=case.run_id, note="bank dispute 81"))
    assert counted(store) == []
    (label,) = stored(store)
    assert (label.is_right, label.inclusion_probability, label.person) == (False, None, "Ana")


def test_a_confirmation_never_overrules_a_person_who_said_wrong(store: Store) -> None:
    case = sent_alone(store, policy=AUDITED)
    wrong = case.verdict(Verdict.WRONG, blamed_step="intent")
    store.transact(reviews.decide, wrong, now=NOW)
    hand_in(store, NewOutcome(OutcomeKind.CONFIRMED, run_id=case.run_id))
    assert counted(store) == [(False, 1.0, LabelSource.AUDIT)]


def test_an_outcome_handed_in_twice_is_a_duplicate(store: Store) -> None:
    case = sent_alone(store)
    again = NewOutcome(CHARGED_BACK, run_id=case.run_id)
    assert hand_in(store, again) == Recorded(1, 0, ())
    assert hand_in(store, again, again) == Recorded(0, 2, ())
    assert gated.count(store, "outcome") == 1


def test_an_item_that_fits_nothing_is_rejected_while_the_others_go_in(store: Store) -> None:
    case = sent_alone(store)
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
