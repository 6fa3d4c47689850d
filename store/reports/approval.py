"""What an approval would release, and who has to give it: parts, conditions, changes, people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlmodel import Session, col, select

from store import approvals, outbox
from store.actions import Action
from store.connectors import Connector
from store.escalations import EXECUTOR
from store.outbox import REPLY
from store.reports.case import DecisionView
from store.schema import Draft, Review, Tool


@dataclass(frozen=True, slots=True)
class Part:
    """One tool call that an approval would release, in order of delivery; the reply is none."""

    kind: str
    tool: str
    args: Mapping[str, Any]
    amount_minor: int | None
    currency: str | None
    expected: str | None  # the argument that makes the call conditional on the world as seen


@dataclass(frozen=True, slots=True)
class Change:
    """An argument that the executor brought up to date after the world had moved."""

    tool: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class People:
    """Who has to approve: `needed` distinct people, never the maker."""

    needed: int
    given: tuple[DecisionView, ...]  # approvals in force, the first one first
    maker: str | None  # wrote or last edited what would be released

    @property
    def missing(self) -> int:
        return max(0, self.needed - len(self.given))

    def has_approved(self, person: str) -> bool:
        """Return whether this person's approval is one of those given."""
        return any(decision.person == person for decision in self.given)


def parts(session: Session, draft: Draft) -> tuple[Part, ...]:
    """Return the calls besides the reply, in the order in which they would be delivered."""
    return tuple(
        Part(
            kind=call.kind,
            tool=call.tool,
            args=call.args,
            amount_minor=call.amount_minor,
            currency=call.currency,
            expected=expected(session, call.tool),
        )
        for call in outbox.calls_of(session, draft)
        if call.kind != REPLY
    )


def expected(session: Session, tool: str | None) -> str | None:
    """Return the argument that makes the tool's call conditional, None if it has none."""
    row = None if tool is None else session.get(Tool, tool)
    return None if row is None else Connector.model_validate(row.connector).expected


def filled_by_code(session: Session, tool: str | None) -> frozenset[str]:
    """Return the arguments that nobody types: the expected state of the world, and the key."""
    row = None if tool is None else session.get(Tool, tool)
    if row is None:
        return frozenset()
    names = (Connector.model_validate(row.connector).expected, row.key_field)
    return frozenset(name for name in names if name)


def people(session: Session, review: Review, draft: Draft, said: Sequence[DecisionView]) -> People:
    """Return who has approved the draft on this review, and how many it needs."""
    given = [
        decision
        for decision in said
        if decision.verdict in approvals.COUNTED and not decision.is_undone
    ]
    return People(
        needed=approvals.needed(session, draft, review.policy_version),
        given=tuple(given),
        maker=approvals.maker(session, draft),
    )


def changes(session: Session, draft: Draft) -> tuple[Change, ...]:
    """Return what the executor last brought up to date in the run, up to this revision."""
    known = session.exec(
        select(Draft)
        .where(Draft.run_id == draft.run_id, Draft.revision <= draft.revision)
        .order_by(col(Draft.revision).desc())
    ).all()
    for later, earlier in pairwise(known):
        if later.author == EXECUTOR:
            return _between(
                Action.model_validate(earlier.action), Action.model_validate(later.action)
            )
    return ()


def _between(before: Action, after: Action) -> tuple[Change, ...]:
    """Match parts by everything that did not change: tool and the other arguments."""
    found = []
    for new in after.parts:
        old = next((part for part in before.parts if _is_same(part, new)), None)
        if old is None or new.tool is None:
            continue
        found += [
            Change(new.tool, name, old.args[name], value)
            for name, value in new.args.items()
            if name in old.args and old.args[name] != value
        ]
    return tuple(found)


def _is_same(one: Action, other: Action) -> bool:
    return (one.tool, one.amount_minor, one.order_id) == (
        other.tool,
        other.amount_minor,
        other.order_id,
    )
