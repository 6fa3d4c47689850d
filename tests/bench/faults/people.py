"""The people of a campaign: they keep tickets coming, decide, undo, and answer by the books.

One process plays all of them. It leaves when it was told that the trouble is over and nothing waits
any more, and fails if that takes too long.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from sqlite3 import Connection
from typing import Any, TypeVar
from uuid import uuid4

from bench.faults import books, world
from bench.faults.company import letter_request, refund_request
from bench.faults.scene import HANG_SECONDS, Scene
from sqlalchemy import or_
from sqlmodel import Session, col, select

from store import admission, queue, reviews, undoing
from store.engine import Store
from store.errors import GreenlightError
from store.queue import NewTicket
from store.reviews import DecisionRequest
from store.schema import OutboxEntry, Review
from store.transitions import OPEN_REVIEW, OutboxStatus, ReviewKind, RunStatus, Verdict

T = TypeVar("T")

OPERATORS = ("Ana", "Ben", "Cem", "Dia", "Eva", "Fay", "Gus")
MANAGER = "Mo"
UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.AWAITING_REVIEW, RunStatus.COMMITTING)
BACKLOG = 24  # runs that wait for a worker while there is trouble
AT_ONCE = 40  # reviews looked at in one go
UNDO_SECONDS = 0.3
LOOK_SECONDS = 0.05
# Nobody can know before this whether a call took place: it may still be on its way. Longer than a
# call can hang or wait for the service, and than a paused process can hold it back.
CERTAIN_AFTER = timedelta(seconds=HANG_SECONDS + 3.5)


@dataclass(frozen=True)
class Habits:
    """How often people do what, as shares."""

    reject: float = 0.1
    edit: float = 0.08
    undo: float = 0.08
    take_back: float = 0.25  # of the answers about what can be reversed
    second_thoughts: float = 0.01  # a look at which somebody has a delivered action taken back
    others: float = 0.05  # a look at which somebody else changes an order
    letters: float = 0.25  # of the tickets


class People:
    """Everybody who has a say, on one store and the service's books."""

    def __init__(self, store: Store, db: Connection, draw: Random) -> None:
        self._store = store
        self._db = db
        self._draw = draw
        self._habits = Habits()
        self._owners = dict(db.execute("SELECT order_id, customer_id FROM orders").fetchall())
        self._orders = iter(self._owners)
        self._used: list[str] = []
        self.did: Counter[str] = Counter()
        self.submitted = 0

    def send_tickets(self) -> None:
        """Keep the workers busy; most orders come once, some again."""
        tickets = [ticket for _ in range(BACKLOG) if (ticket := self._ticket())]
        self._store.transact(queue.submit, tickets, now=datetime.now(UTC))
        self.submitted += len(tickets)

    def _ticket(self) -> NewTicket | None:
        is_letter = self._draw.random() < self._habits.letters
        comes_again = self._used and not is_letter and self._draw.random() < 0.1
        order = self._draw.choice(self._used) if comes_again else next(self._orders, None)
        if order is None:
            return None
        if not is_letter:  # an order has one letter, so that letters can be counted without keys
            self._used.append(order)
        text = (letter_request if is_letter else refund_request)(order, self._draw)
        return NewTicket(text, f"T-{self._draw.getrandbits(48):012x}", self._owners[order])

    def look_around(self, *, is_over: bool) -> None:
        """Decide what waits and, until it is over, now and then do what people do unasked."""
        for review in self.waiting():
            self._attend(review)
        if is_over:
            return
        if self._used and self._draw.random() < self._habits.others:
            order = self._draw.choice(self._used)
            move = self._draw.choice((world.change_order, world.refund_elsewhere))
            move(self._db, order)
            self.did["orders moved by others"] += 1
        if self._draw.random() < self._habits.second_thoughts:
            self._reverse_something()

    def waiting(self) -> Sequence[Review]:
        """Return what can be decided by now."""
        return self._store.read(_waiting, before=datetime.now(UTC) - CERTAIN_AFTER)

    def _attend(self, review: Review) -> None:
        assert review.id is not None
        verdict = self._verdict(review)
        person = self._draw.choice((*OPERATORS, MANAGER))
        request = DecisionRequest(
            decision_id=uuid4().hex,
            review_id=review.id,
            verdict=verdict,
            person=person,
            seen_digest=review.payload_digest,
            reason_code="other" if verdict is Verdict.REJECT else None,
            reply="We looked at it again." if verdict is Verdict.EDIT else None,
        )
        decided = self._try(reviews.decide, request, undo_seconds=UNDO_SECONDS)
        if decided is None:
            return
        self.did[f"{review.kind}: {verdict}"] += 1
        can_undo = verdict not in (Verdict.RIGHT, Verdict.HAPPENED)
        if can_undo and self._draw.random() < self._habits.undo:
            who = self._draw.choice((person, MANAGER))
            self._try_undo(decided.decision_id, who)

    def _verdict(self, review: Review) -> Verdict:
        """Return what somebody says of it."""
        if review.kind is ReviewKind.AUDIT:
            return Verdict.RIGHT
        if review.kind is ReviewKind.UNKNOWN_DELIVERY:
            return self._answer(review)
        if review.is_blocked:
            return Verdict.REJECT
        chance = self._draw.random()
        if chance < self._habits.reject:
            return Verdict.REJECT
        if chance < self._habits.reject + self._habits.edit and not admission.is_reversal(review):
            return Verdict.EDIT
        return Verdict.APPROVE

    def _answer(self, review: Review) -> Verdict:
        """Say the truth about a delivery, or have it taken back, whatever it is."""
        entry = self._store.read(lambda session: session.get_one(OutboxEntry, review.action_id))
        if entry.tool == "issue_refund" and self._draw.random() < self._habits.take_back:
            return Verdict.REVERSE
        return Verdict.HAPPENED if self._took_place(entry) else Verdict.SEND_AGAIN

    def _took_place(self, entry: OutboxEntry) -> bool:
        if entry.tool != "send_letter":
            return books.find_effect(self._db, entry.id) is not None
        order = json.loads(entry.body)["order_id"]
        posted = books.count_letters(self._db, order)
        return posted > self._store.read(_count_sent_letters, entry.run_id)

    def _reverse_something(self) -> None:
        sent = self._store.read(_some_sent_refunds)
        if sent:
            entry = self._draw.choice(sent)
            person = self._draw.choice(OPERATORS)
            given = {"decision_id": uuid4().hex, "undo_seconds": UNDO_SECONDS}
            if self._try(reviews.reverse, entry, person, **given):
                self.did["taken back after delivery"] += 1

    def _try_undo(self, decision_id: str, person: str) -> None:
        if self._try(undoing.undo, decision_id, person) is not None:
            self.did["undone"] += 1

    def _try(self, verb: Callable[..., T], *args: Any, **given: Any) -> T | None:
        try:
            return self._store.transact(verb, *args, now=datetime.now(UTC), **given)
        except GreenlightError as error:
            self.did[f"refused: {type(error).__name__}"] += 1
            return None


@dataclass(frozen=True)
class Word:
    """What the people's process leaves behind."""

    submitted: int
    did: dict[str, int]


def word(scene: Scene) -> Word:
    """Return what was left by the people of the scene."""
    return Word(**json.loads(_word_file(scene).read_text(encoding="utf-8")))


def _word_file(scene: Scene) -> Path:
    return scene.settings.home / "people.json"


def live(scene: Scene, over: Path, *, settle_seconds: float) -> None:
    """Play everybody until the trouble is over and all is settled; leave word of what was done."""
    with (
        closing(scene.settings.open(urgent=True, may_decide=True)) as store,
        closing(books.connect(scene.ledger)) as db,
    ):
        people = People(store, db, Random(f"people:{scene.seed}"))
        try:
            _live(people, store, over, settle_seconds)
        finally:
            left = Word(people.submitted, dict(people.did))
            _word_file(scene).write_text(json.dumps(asdict(left)), encoding="utf-8")


def _live(people: People, store: Store, over: Path, settle_seconds: float) -> None:
    deadline = None
    while True:
        counts = store.read(queue.counts)
        if over.exists():
            deadline = deadline or time.monotonic() + settle_seconds
            waits = sum(counts.get(status, 0) for status in UNFINISHED)
            if not (waits or people.waiting()) or time.monotonic() > deadline:
                return
        elif counts.get(RunStatus.QUEUED, 0) < BACKLOG:
            people.send_tickets()
        people.look_around(is_over=over.exists())
        time.sleep(LOOK_SECONDS)


def _waiting(session: Session, *, before: datetime) -> Sequence[Review]:
    """Return open reviews; those about doubtful deliveries only once somebody can know."""
    can_know = or_(col(Review.kind) != ReviewKind.UNKNOWN_DELIVERY, col(Review.opened_at) < before)
    waiting = select(Review).where(col(Review.status).in_(OPEN_REVIEW), can_know)
    return session.exec(waiting.order_by(col(Review.id)).limit(AT_ONCE)).all()


def _count_sent_letters(session: Session, run_id: int) -> int:
    sent = select(OutboxEntry.id).where(
        OutboxEntry.run_id == run_id,
        OutboxEntry.tool == "send_letter",
        OutboxEntry.status == OutboxStatus.SENT,
    )
    return len(session.exec(sent).all())


def _some_sent_refunds(session: Session) -> Sequence[str]:
    sent = select(OutboxEntry.id).where(
        OutboxEntry.tool == "issue_refund", OutboxEntry.status == OutboxStatus.SENT
    )
    return session.exec(sent.order_by(col(OutboxEntry.sent_at).desc()).limit(20)).all()
