"""Cards that people, or simulated reviewers, have decided in some past: what reports count."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import builders
import builders_aftermath as aftermath
from sqlmodel import Session

from store.engine import Store
from store.transitions import ReviewKind, Verdict


def cards(
    store: Store,
    n: int,
    verdict: Verdict,
    *,
    at: datetime,
    person: str = "Ana",
    seconds: float | None = 10.0,
    is_undone: bool = False,
    in_bulk: bool = False,
    **said: Any,
) -> None:
    """Have a person decide `n` cards in the hour before `at`."""

    def work(session: Session) -> None:
        for number in range(n):
            moment = at - timedelta(seconds=30 + number)
            built = builders.case(session, confidence=0.7, at=moment)
            values = {"id": f"bulk-1:{built.review_id}"} if in_bulk else {}
            decision_id = aftermath.decide(
                session,
                built.review_id,
                verdict,
                person=person,
                seconds_on_card=seconds,
                at=moment,
                **values,
                **said,
            )
            if is_undone:
                aftermath.undo(session, decision_id, person=person, at=moment)

    store.transact(work)


def planted(
    store: Store, verdict: Verdict, *, at: datetime, person: str = "Ana", **said: Any
) -> None:
    """Have a person decide a card that is known to be wrong."""

    def work(session: Session) -> None:
        built = builders.case(session, confidence=0.7, at=at - timedelta(days=400))
        aftermath.decide(
            session, built.review_id, Verdict.REJECT, person="Mo", at=at - timedelta(days=400)
        )
        review_id = builders.review(session, built.run_id, kind=ReviewKind.SEEDED, at=at)
        aftermath.decide(session, review_id, verdict, person=person, at=at, **said)

    store.transact(work)


def looked_again(
    store: Store,
    again: Verdict,
    *,
    at: datetime,
    first: str = "Ana",
    second: str = "Ben",
    **said: Any,
) -> None:
    """Have one person judge an audit wrong, and another judge it again."""

    def work(session: Session) -> None:
        built = builders.case(session, confidence=0.97, is_audited=True, at=at)
        wrong = aftermath.decide(
            session, built.review_id, Verdict.WRONG, person=first, at=at, **said
        )
        review_id = builders.review(
            session, built.run_id, kind=ReviewKind.SECOND_LOOK, after_decision=wrong, at=at
        )
        aftermath.decide(session, review_id, again, person=second, at=at, id=uuid4().hex, **said)

    store.transact(work)
