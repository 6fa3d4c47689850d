"""A shop whose model drafts doubtfully first, and surely on the second visit; see `small_shop`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gated
import small_shop
from builders import NOW
from small_shop import model, proposal, tools
from sqlmodel import col, select

from agents.ports import TicketView
from agents.testing import ScriptedModel
from agents.worker import Shift, Worker
from store import invariants, queue, reviews
from store.engine import Store
from store.queue import Claim
from store.reviews import Decided, DecisionRequest
from store.schema import Review, Run, StepRecord
from store.transitions import OPEN_REVIEW, Verdict
from store.writer import GroupWriter

DOUBTFUL = proposal(sure=0.6)
BETTER = proposal(reply="Half of it goes back to you.", sure=1.0)


@dataclass
class Shop:
    """A shop whose model drafts doubtfully first, and surely the second time."""

    store: Store
    writer: GroupWriter
    scripted: ScriptedModel

    async def work(self) -> None:
        """Let a worker do what can be done now."""
        kit = small_shop.kit(self.store, self.scripted, tools())
        shift = Shift("w", 4, 30.0, drain=False)
        worker = Worker(self.store, kit, kit.journal(self.writer, retry_seconds=0.0), shift)
        for claim in self.claims():
            await worker.attend(claim)

    def claims(self) -> list[Claim]:
        return self.store.transact(queue.claim, "w", limit=9, in_flight=0, lease_seconds=60)

    async def waiting(self) -> Review:
        """Take one ticket to a person."""
        self.store.transact(small_shop.tickets)
        await self.work()
        return self.open_review()

    def open_review(self) -> Review:
        wanted = select(Review).where(col(Review.status).in_(OPEN_REVIEW))
        return self.store.read(lambda session: session.exec(wanted).one())

    def reject(self, review: Review, **said: Any) -> Decided:
        values = {"reason_code": "wrong_amount", "verdict": Verdict.REJECT, **said}
        return self.decide(review, **values)

    def decide(self, review: Review, *, undo_seconds: float = 0.0, **said: Any) -> Decided:
        request = DecisionRequest(
            **{
                "decision_id": f"decision-{review.id}-{said['verdict']}",
                "review_id": review.id,
                "person": "Ana",
                "seen_digest": review.payload_digest,
                **said,
            }
        )
        return self.store.transact(reviews.decide, request, now=NOW, undo_seconds=undo_seconds)

    def run(self, run_id: int = 1) -> Run:
        return gated.run(self.store, run_id)

    def records(self) -> list[tuple[int, str]]:
        wanted = select(StepRecord.visit, StepRecord.name).order_by(col(StepRecord.id))
        return self.store.read(
            lambda session: [(visit, name) for visit, name in session.exec(wanted)]
        )

    def labelled(self) -> int:
        return gated.count(self.store, "label WHERE step IS NULL")

    def asked(self, method: str) -> list[TicketView]:
        return [given[0] for name, given in self.scripted.asked if name == method]


@contextmanager
def opened(store: Store) -> Iterator[Shop]:
    """Open the shop; on leaving, nothing that is always true may be broken."""
    store.transact(small_shop.open_shop)
    writer = GroupWriter(store)
    yield Shop(store, writer, model(synthesise=[DOUBTFUL, BETTER]))
    writer.close()
    assert store.read(invariants.violations) == []
