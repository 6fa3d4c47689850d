"""What a part of the campaign comes to: the store's word against the service's books, one by one."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from bench.faults import books
from bench.faults.people import UNFINISHED
from bench.faults.scene import Scene
from sqlmodel import Session, select

from store import invariants
from store.schema import OutboxEntry, Run, Undo
from store.transitions import OutboxStatus, RunStatus

Fault = tuple[str, str]
SHOWN = 20
UNSETTLED = (OutboxStatus.PENDING, OutboxStatus.SENDING, OutboxStatus.UNKNOWN)


@dataclass
class Tally:
    """What was tried, and what must all be zero."""

    name: str
    tries: int = 0
    tickets: int = 0
    sent: int = 0
    failed: int = 0  # runs that the service refused for a reason of its own: visible, not lost
    lost: int = 0  # said to be sent, or accepted, and there is no trace of it
    doubled: int = 0  # done more often than authorised
    stuck: int = 0
    dead: int = 0
    undone_yet_sent: int = 0
    other: int = 0  # a rule of `greenlight doctor --invariants`, the books, or a race broken
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)  # the first ones, in words
    notes: dict[str, int] = field(default_factory=dict)  # what happened on the way

    @property
    def is_clean(self) -> bool:
        wrong = (self.lost, self.doubled, self.stuck, self.dead, self.undone_yet_sent, self.other)
        return not any(wrong)

    def found(self, kind: str, words: str) -> None:
        """Count one thing that must not be."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.problems) < SHOWN:
            self.problems.append(f"{kind}: {words}")


def count(tally: Tally, scene: Scene) -> None:
    """Compare the settled store with the books, entry by entry; add what is wrong to the tally."""
    with (
        closing(scene.settings.open()) as store,
        closing(books.connect(scene.ledger)) as db,
    ):
        runs, entries, undone = store.read(_rows)
        broken = store.read(invariants.violations)
        found = [("doubled", f"key {key} acted twice") for key in books.doubled(db)]
        found += [("other", f"order {one} does not add up") for one in books.unbalanced(db)]
        found += [("other", f"{one.name}: {one.subject}: {one.detail}") for one in broken]
        found += compare(runs, entries, undone, books.effects(db), books.totals(db)["amount_minor"])
    for kind, words in found:
        tally.found(kind, words)
    tally.tickets = len(runs)
    tally.sent = sum(entry.status is OutboxStatus.SENT for entry in entries)
    failed = [run for run in runs if run.status is RunStatus.FAILED]
    tally.failed = len(failed)
    tally.notes |= Counter(f"run failed: {(run.error or '')[:60]}" for run in failed)
    tally.notes["runs taken over"] = sum(max(0, run.lease_epoch - 1) for run in runs)
    tally.notes["calls repeated"] = sum(max(0, entry.attempt - 1) for entry in entries)


def compare(
    runs: Sequence[Run],
    entries: Sequence[OutboxEntry],
    undone: set[str],
    effects: Sequence[dict[str, Any]],
    total_minor: int,
) -> Iterator[Fault]:
    """Yield (kind, words) for each thing that one side says and the other does not bear out."""
    yield from _runs(runs)
    yield from _entries(entries, effects, undone)
    yield from _letters(entries, effects)
    yield from _totals(entries, effects, total_minor)


def _rows(session: Session) -> tuple[Sequence[Run], Sequence[OutboxEntry], set[str]]:
    undone = set(session.exec(select(Undo.decision_id)).all())
    return session.exec(select(Run)).all(), session.exec(select(OutboxEntry)).all(), undone


def _runs(runs: Sequence[Run]) -> Iterator[Fault]:
    for run in runs:
        if run.status in UNFINISHED:
            yield "stuck", f"run {run.id} is {run.status}"
        if run.status is RunStatus.DEAD:
            yield "dead", f"run {run.id}: {run.error}"


def _entries(
    entries: Sequence[OutboxEntry], effects: Sequence[dict[str, Any]], undone: set[str]
) -> Iterator[Fault]:
    """What takes a key: sent means exactly one effect under it, anything else none."""
    by_key = {one["idempotency_key"]: one for one in effects if one["idempotency_key"]}
    undoes = {one["undoes"] for one in effects}
    known = {entry.id for entry in entries}
    for key in by_key.keys() - known:
        yield "doubled", f"an effect under {key}, which nobody authorised"
    for entry in entries:
        words = f"{entry.tool} {entry.id} of run {entry.run_id} is {entry.status}"
        effect = by_key.get(entry.id)
        if entry.status in UNSETTLED:
            yield "stuck", words
        elif entry.tool == "send_letter":
            continue
        elif entry.status is OutboxStatus.SENT and effect is None:
            yield "lost", f"{words}, with no effect"
        elif effect is not None and entry.status is not OutboxStatus.SENT:
            if entry.decision_id in undone:
                yield "undone_yet_sent", words
            elif f"effect:{effect['id']}" not in undoes:
                yield "doubled", f"{words}, with an effect"


def _letters(entries: Sequence[OutboxEntry], effects: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    """What takes no key: as many effects of an order as were said to be sent."""
    sent: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.tool == "send_letter":
            sent[json.loads(entry.body)["order_id"]] += entry.status is OutboxStatus.SENT
    posted = Counter(one["order_id"] for one in effects if one["tool"] == "send_letter")
    for order in sent.keys() | posted.keys():
        said, done = sent.get(order, 0), posted[order]
        if said != done:
            kind = "lost" if done < said else "doubled"
            yield kind, f"{done} letters about {order}, {said} said to be sent"


def _totals(
    entries: Sequence[OutboxEntry], effects: Sequence[dict[str, Any]], total: int
) -> Iterator[Fault]:
    """What the books add up to is what was sent, and what was taken back without being sure."""
    sent = {entry.id for entry in entries if entry.status is OutboxStatus.SENT}
    said = sum(entry.amount_minor or 0 for entry in entries if entry.id in sent)
    unsure = sum(
        one["body"].get("amount_minor", 0)
        for one in effects
        if one["idempotency_key"] is not None and one["idempotency_key"] not in sent
    )
    if said + unsure != total:
        yield "other", f"{total} in the books, {said} sent, {unsure} taken back unseen"
