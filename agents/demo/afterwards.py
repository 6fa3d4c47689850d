"""What people say of the demo's history: verdicts, second looks, and customers who come back.

All of it is simulated and stored as such. Each happens at its time in the past, none after `now`.
Chance hangs on the review or run alone, so that an interrupted history goes on as it began.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

from agents.demo.cases import Case, open_cases, outputs_of, sent_alone
from agents.demo.reviewers import REVIEWERS, verdict_of
from agents.demo.tickets import DemoTicket
from agents.demo.truth import judge
from store import outcomes, reviews
from store.engine import Store
from store.errors import AlreadyDecided, StaleReview
from store.outcomes import NewOutcome
from store.transitions import OutcomeKind, ReviewKind

STILL_OPEN = timedelta(hours=30)  # of the reviews younger than this, most are still waiting
LEFT_OPEN = 0.8
MEDIAN_DELAY_MINUTES = 25.0
HEARD_AGAIN = (
    0.3  # of the customers who got an answer that nobody saw: a wrong one brings them back
)
MEDIAN_DAYS = 1.5  # until they write again


def decide_all(store: Store, truths: Mapping[str, DemoTicket], *, seed: int, now: datetime) -> None:
    """Let simulated reviewers decide what is open, then look again where an audit said wrong."""
    first = store.read(open_cases)
    for case in first:
        _decide(store, case, truths, seed=seed, now=now)
    seen = {case.review.id for case in first}
    for case in store.read(open_cases):
        if case.review.kind is ReviewKind.SECOND_LOOK and case.review.id not in seen:
            _decide(store, case, truths, seed=seed, now=now)


def _decide(
    store: Store, case: Case, truths: Mapping[str, DemoTicket], *, seed: int, now: datetime
) -> None:
    """Decide one, unless its reviewer's time has not come yet."""
    ticket = truths.get(case.external_id)
    if ticket is None:
        return
    rng = Random(f"{seed}:review:{case.review.id}")  # noqa: S311
    opened = case.review.opened_at
    decided_at = opened + timedelta(minutes=rng.lognormvariate(math.log(MEDIAN_DELAY_MINUTES), 0.8))
    if decided_at > now or (opened > now - STILL_OPEN and rng.random() < LEFT_OPEN):
        return
    person = rng.choice([name for name in REVIEWERS if name != case.looked_before])
    request = verdict_of(case.review, case.outputs, ticket.truth, person, rng)
    with suppress(AlreadyDecided, StaleReview):  # somebody looking at the page was first
        store.transact(reviews.decide, request, now=decided_at, undo_seconds=0.0)


def hear_again(store: Store, truths: Mapping[str, DemoTicket], *, seed: int, now: datetime) -> None:
    """Let some customers who got a wrong answer come back; whoever got a right one is silent."""
    for run_id, external_id in store.read(sent_alone):
        ticket, rng = truths.get(external_id), Random(f"{seed}:run:{run_id}")  # noqa: S311
        if ticket is None or rng.random() >= HEARD_AGAIN:
            continue
        at = ticket.received_at + timedelta(days=rng.lognormvariate(math.log(MEDIAN_DAYS), 0.5))
        if at > now or judge(ticket.truth, store.read(outputs_of, run_id)).is_right:
            continue
        reopened = NewOutcome(OutcomeKind.REOPENED, run_id=run_id, at=at, note="simulated")
        store.transact(outcomes.record, [reopened], person=REVIEWERS[0], is_simulated=True, now=at)
