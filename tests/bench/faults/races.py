"""People who decide the same review at the same instant, and undo against delivery.

The reviews come the real way: tickets through the pipeline and the gate, each too dear to pass.
"""

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from bench.faults import books
from bench.faults.company import refund_request
from bench.faults.crew import Crew
from bench.faults.people import MANAGER, OPERATORS
from bench.faults.scene import Scene, set_up
from bench.faults.tally import Tally, count
from sqlmodel import Session, col, select

from store import queue, reviews, undoing
from store.engine import Store
from store.errors import AlreadyDecided, GreenlightError, UndoTooLate
from store.queue import NewTicket
from store.reviews import DecisionRequest
from store.schema import Decision, Review, Run
from store.transitions import OPEN_REVIEW, RunStatus, Verdict

Say = Callable[[str], None]
LEASE_SECONDS = 10.0
WINDOW = 0.25  # seconds in which an undo is possible
ABREAST = 8  # decisions whose windows one person watches at once
STEP = 0.004  # by how much an undo comes later after it won, sooner after it lost
SETTLE_SECONDS = 60.0
UNTIL_UNDONE = 3_600.0
TOGETHER_SECONDS = 60.0


def is_dear(total_minor: int) -> bool:
    """Whether the gate sends it to a person, and one is enough."""
    return 10_000 < total_minor <= 100_000


def races(home: Path, tries: int, *, seed: int, say: Say) -> list[Tally]:
    """Race two and eight people on so many reviews each, then undo against delivery."""
    orders = max(40, tries * 4)
    scene = set_up(home, seed=seed, lease_seconds=LEASE_SECONDS, orders=orders, is_suited=is_dear)
    crew = Crew({"service": scene.serve}, scene.log)
    say(f"races: drafting {tries}")
    scene.apart(partial(_submit, scene, tries))
    drain = partial(scene.work, drain=True, concurrency=16)
    scene.apart(drain, drain)
    tallies = [_decisions(scene, number, tries, say) for number in (2, 8)]
    crew.stop()
    tallies.append(_undos(scene, tries, say))
    return tallies


def _submit(scene: Scene, tries: int) -> None:
    draw = Random(f"races:{scene.seed}")
    with closing(books.connect(scene.ledger)) as db:
        orders = db.execute("SELECT order_id, customer_id FROM orders LIMIT ?", (tries,)).fetchall()
    tickets = [
        NewTicket(refund_request(order, draw), f"R-{order}", customer) for order, customer in orders
    ]
    assert len(tickets) == tries
    with closing(scene.settings.open()) as store:
        store.transact(queue.submit, tickets, now=datetime.now(UTC))


def _open_reviews(session: Session) -> Sequence[Review]:
    waiting = select(Review).where(col(Review.status).in_(OPEN_REVIEW)).order_by(col(Review.id))
    return session.exec(waiting).all()


def _request(review: Review, person: str, verdict: Verdict) -> DecisionRequest:
    assert review.id is not None
    return DecisionRequest(
        decision_id=uuid4().hex,
        review_id=review.id,
        verdict=verdict,
        person=person,
        seen_digest=review.payload_digest,
        reason_code="other" if verdict is Verdict.REJECT else None,
    )


# ---- Decisions


def _decisions(scene: Scene, number: int, tries: int, say: Say) -> Tally:
    """Let so many people decide each review at once, half of them the other way."""
    name = f"{number} people decide at once"
    say(name)
    started = time.monotonic()
    together = multiprocessing.get_context("fork").Barrier(number)
    scene.apart(*(partial(_race, scene, together, number, place) for place in range(number)))
    tally = Tally(name, seconds=round(time.monotonic() - started, 1))
    said = [_word(scene, f"race-{number}-{place}") for place in range(number)]
    for heard in zip(*said, strict=True):
        tally.tries += 1
        _judge(tally, heard)
    if tally.tries != tries:
        tally.found("lost", f"{tally.tries} reviews came up for {tries} tickets")
    scene.apart(partial(_undo_all, scene))
    return tally


def _race(scene: Scene, together: Any, number: int, place: int) -> None:
    """Be one of them: decide each review when everybody is there."""
    person, heard = (*OPERATORS, MANAGER)[place], []
    with closing(scene.settings.open(urgent=True, may_decide=True)) as store:
        for turn, review in enumerate(store.read(_open_reviews)):
            verdict = Verdict.APPROVE if (place + turn) % 2 else Verdict.REJECT
            request = _request(review, person, verdict)
            together.wait(TOGETHER_SECONDS)
            heard.append([review.id, person, verdict, *_decide(store, request)])
    _leave_word(scene, f"race-{number}-{place}", heard)


def _decide(store: Store, request: DecisionRequest) -> tuple[str, str, str]:
    """Return whether it won, and who and what won as far as it was told."""
    try:
        store.transact(reviews.decide, request, now=datetime.now(UTC), undo_seconds=UNTIL_UNDONE)
    except AlreadyDecided as lost:
        return "late", lost.by, lost.verdict
    except GreenlightError as error:
        return type(error).__name__, "", str(error)
    return "won", request.person, request.verdict


def _judge(tally: Tally, heard: Sequence[Sequence[Any]]) -> None:
    """One winner, and everybody else was told who and what it was."""
    winners = [(person, verdict) for _, person, verdict, how, *_ in heard if how == "won"]
    review = heard[0][0]
    if len(winners) != 1:
        tally.found("doubled" if winners else "lost", f"review {review}: {len(winners)} winners")
        return
    for _, person, _, how, by, verdict in heard:
        if how != "won" and (how, by, verdict) != ("late", *winners[0]):
            tally.found("other", f"review {review}: {person} was told {how} {by} {verdict}")


def _undo_all(scene: Scene) -> None:
    """Take every decision back, so that the same reviews wait again."""
    with closing(scene.settings.open(urgent=True, may_decide=True)) as store:
        decided = store.read(
            lambda session: session.exec(
                select(Decision.id)
                .join(Review, col(Review.id) == col(Decision.review_id))
                .where(Review.status == "decided")
            ).all()
        )
        for decision in decided:
            store.transact(undoing.undo, decision, MANAGER, now=datetime.now(UTC))


# ---- Undo


def _undos(scene: Scene, tries: int, say: Say) -> Tally:
    """Approve everything, and undo it at the moment when its delivery is due."""
    name = "undo at delivery"
    say(name)
    started = time.monotonic()
    with closing(scene.settings.open()) as store:
        waiting = store.read(_open_reviews)
    crew = Crew(scene.acts(workers=0, executors=2), scene.log)
    scene.apart(*(partial(_approve_and_undo, scene, part, waiting[part::2]) for part in range(2)))
    scene.apart(partial(_finish, scene))
    crew.stop()
    tally = Tally(name, seconds=round(time.monotonic() - started, 1))
    for part in range(2):
        for decision, how in _word(scene, f"undo-{part}"):
            tally.tries += 1
            tally.notes[how] = tally.notes.get(how, 0) + 1
            if how not in ("undone", "too late"):
                tally.found("other", f"undo of {decision}: {how}")
    tally.notes |= crew.fallen
    count(tally, scene)
    if tally.tries != tries:
        tally.found("lost", f"{tally.tries} undos for {tries} approvals")
    return tally


def _approve_and_undo(scene: Scene, part: int, mine: Sequence[Review]) -> None:
    """Be a person who approves and then thinks better of it in the last moment."""
    said: list[tuple[str, str]] = []
    later = 0.0  # than the moment at which delivery may begin: moved to where either side wins
    with closing(scene.settings.open(urgent=True, may_decide=True)) as store:
        for first in range(0, len(mine), ABREAST):
            due: list[tuple[float, reviews.Decided]] = []
            for review in mine[first : first + ABREAST]:
                request = _request(review, OPERATORS[part], Verdict.APPROVE)
                now = datetime.now(UTC)
                decided = store.transact(reviews.decide, request, now=now, undo_seconds=WINDOW)
                due.append((time.monotonic() + WINDOW, decided))
            for moment, decided in due:
                time.sleep(max(0.0, moment + later - time.monotonic()))
                how = _undo(store, decided, OPERATORS[part])
                later += STEP if how == "undone" else -STEP
                said.append((decided.decision_id, how))
    _leave_word(scene, f"undo-{part}", said)


def _undo(store: Store, decided: reviews.Decided, person: str) -> str:
    """Undo as of the last instant of the window, whenever it gets through."""
    try:
        store.transact(undoing.undo, decided.decision_id, person, now=decided.undo_until)
    except UndoTooLate:
        return "too late"
    except GreenlightError as error:
        return f"{type(error).__name__}: {error}"
    return "undone"


def _finish(scene: Scene) -> None:
    """Refuse what was undone and wait for the deliveries of the rest."""
    with closing(scene.settings.open(urgent=True, may_decide=True)) as store:
        for review in store.read(_open_reviews):
            request = _request(review, OPERATORS[2], Verdict.REJECT)
            store.transact(reviews.decide, request, now=datetime.now(UTC))
        deadline = time.monotonic() + SETTLE_SECONDS
        while store.read(_committing) and time.monotonic() < deadline:
            time.sleep(0.05)


def _committing(session: Session) -> int | None:
    return session.exec(select(Run.id).where(Run.status == RunStatus.COMMITTING)).first()


def _leave_word(scene: Scene, name: str, said: Sequence[Any]) -> None:
    (scene.settings.home / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")


def _word(scene: Scene, name: str) -> Any:
    return json.loads((scene.settings.home / f"{name}.json").read_text(encoding="utf-8"))
