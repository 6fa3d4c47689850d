"""What is always true of a store: every rule as a query, and whatever breaks one, named.

Queries only, set-based; the authorisation of each delivery is checked one by one, in batches, the
way the executor checks it. A healthy store has no violation, whatever its people and crashes did.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import approvals, audit, authorisation, decisions, outbox, policies, steps
from store.actions import Action
from store.anchors import AnchorLog
from store.audit import ChainState
from store.deliveries import Due
from store.engine import db_now
from store.schema import (
    Decision,
    Draft,
    OutboxEntry,
    Receipt,
    Review,
    Run,
    StepRecord,
    Undo,
    Worker,
)
from store.transitions import (
    OPEN_REVIEW,
    OutboxStatus,
    ReviewKind,
    RunStatus,
    StepStatus,
    Verdict,
)

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 500
STUCK_SECONDS = 3_600.0
_LIVE = (OutboxStatus.PENDING, OutboxStatus.SENDING)
_DELIVERING = (RunStatus.COMMITTING, RunStatus.AWAITING_REVIEW)
_GIVEN_UP = (OutboxStatus.FAILED, OutboxStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be: which rule, whose, and what is wrong."""

    name: str
    subject: str  # "run:17", "action:…", "decision:…", "audit"
    detail: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at, and what is wrong with it."""

    violations: tuple[Violation, ...]
    sent: int  # deliveries whose authorisation was looked at
    unsigned: int  # of those, by decisions from before decisions were signed
    chain: ChainState


Found = Iterator[tuple[str, str]]  # subject and detail


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is always true, and what to do where it is not."""

    name: str
    claim: str
    advice: str
    look: Callable[[Session], Found] | None = None  # None: `examine` looks at it by itself


class Reading(Protocol):
    """How a query is run: `Store.read`, or on a session that is open already."""

    def __call__(
        self, query: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


def _untold(done: int, total: int) -> None:
    """Tell nobody how far it has come."""


def violations(
    session: Session,
    *,
    anchors: AnchorLog | None = None,
    tell: Callable[[int, int], None] = _untold,
) -> list[Violation]:
    """Return everything that breaks a rule, in one consistent look; none in a healthy store."""

    def here(
        query: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return query(session, *args, **kwargs)

    return list(examine(here, anchors=anchors, tell=tell).violations)


def examine(
    read: Reading,
    *,
    anchors: AnchorLog | None = None,
    tell: Callable[[int, int], None] = _untold,
) -> Examined:
    """Look at every rule, a read of its own for each: a long look must not keep the log growing.

    `tell` hears how many of the sent deliveries have been checked.
    """
    found = [one for rule in RULES if rule.look for one in read(_broken, rule)]
    checked = _Authorisations()
    total = read(_count_sent)
    while entries := read(_check_batch, checked):
        tell(checked.sent, max(total, checked.sent))
        if entries < BATCH:
            break
    chain = read(audit.verify, anchors=anchors)
    return Examined(
        violations=(*found, *checked.violations, *_broken_trail(chain)),
        sent=checked.sent,
        unsigned=checked.unsigned,
        chain=chain,
    )


def _broken(session: Session, rule: Rule) -> list[Violation]:
    assert rule.look is not None
    return [Violation(rule.name, subject, detail) for subject, detail in rule.look(session)]


def _broken_trail(chain: ChainState) -> Iterator[Violation]:
    if chain.first_bad_seq is not None:
        yield Violation("trail", f"audit:{chain.first_bad_seq}", chain.problem)
    for flaw in chain.flaws:
        if flaw.is_forged:
            yield Violation("trail", f"anchor:{flaw.line}", flaw.problem)


# ---- Authorisation, delivery by delivery


class _Authorisations:
    """How far the check of the sent deliveries has come."""

    def __init__(self) -> None:
        self.last = ""
        self.sent = 0
        self.unsigned = 0
        self.violations: list[Violation] = []


def _count_sent(session: Session) -> int:
    counted = select(func.count()).where(col(OutboxEntry.status) == OutboxStatus.SENT)
    return int(session.execute(counted).scalar_one())


def _check_batch(session: Session, so_far: _Authorisations) -> int:
    """Check the next deliveries by id; return how many there were."""
    entries = session.execute(
        select(OutboxEntry)
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(OutboxEntry.id) > so_far.last)
        .order_by(col(OutboxEntry.id))
        .limit(BATCH)
    ).scalars()
    number = 0
    for entry in entries.all():
        number += 1
        so_far.last = entry.id
        if is_from_before_signing(session, entry.decision_id):
            so_far.unsigned += 1
            continue
        objection = authorisation.objection(session, _as_due(entry))
        if objection is not None:
            detail = f"`{entry.tool}` was sent, but {objection}"
            so_far.violations.append(Violation("authorised", _action(entry.id), detail))
    so_far.sent += number
    return number


def _as_due(entry: OutboxEntry) -> Due:
    names = [one.name for one in fields(Due) if one.name in OutboxEntry.model_fields]
    return Due(**{name: getattr(entry, name) for name in names}, age_seconds=0.0)


def is_from_before_signing(session: Session, decision_id: str | None) -> bool:
    """Return whether the sealed trail knows this decision, from before decisions were signed.

    A signature that was only blanked out does not pass: the trail names it.
    """
    decision = session.get(Decision, decision_id) if decision_id else None
    if decision is None or decision.signature:
        return False
    said = audit.find_authentic(
        session, tag=f"run:review:{decision.verdict}", subject=f"run:{decision.run_id}"
    )
    return any(
        one.get("decision") == decision.id
        and one.get("digest") == decision.payload_digest
        and "signature" not in one
        for one in said
    )


# ---- Deliveries


def _receipts(session: Session) -> Found:
    missing = (
        select(col(OutboxEntry.id), col(OutboxEntry.tool))
        .outerjoin(Receipt, col(Receipt.action_id) == col(OutboxEntry.id))
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(Receipt.action_id).is_(None))
    )
    for action_id, tool in session.execute(missing):
        yield _action(action_id), f"`{tool}` was sent and has no receipt"
    stray = (
        select(col(Receipt.action_id), col(OutboxEntry.status))
        .outerjoin(OutboxEntry, col(OutboxEntry.id) == col(Receipt.action_id))
        .where(or_(col(OutboxEntry.id).is_(None), col(OutboxEntry.status) != OutboxStatus.SENT))
    )
    for action_id, status in session.execute(stray):
        yield _action(action_id), f"it has a receipt and is {status or 'no delivery at all'}"


def _undone(session: Session) -> Found:
    alive = (
        select(col(OutboxEntry.id), col(OutboxEntry.tool), col(OutboxEntry.status))
        .join(Undo, col(Undo.decision_id) == col(OutboxEntry.decision_id))
        .where(col(OutboxEntry.status) != OutboxStatus.CANCELLED)
    )
    for action_id, tool, status in session.execute(alive):
        yield _action(action_id), f"its decision was undone, and `{tool}` is {status}"


def _left_over(session: Session) -> Found:
    waiting = (
        select(col(Run.id), col(Run.status), col(OutboxEntry.tool), col(OutboxEntry.status))
        .join(Run, col(Run.id) == col(OutboxEntry.run_id))
        .where(
            col(OutboxEntry.status).in_([*_LIVE, OutboxStatus.UNKNOWN]),
            col(Run.status).not_in(_DELIVERING),
        )
    )
    for run_id, status, tool, delivery in session.execute(waiting):
        yield f"run:{run_id}", f"the run is {status}, and its `{tool}` is still {delivery}"


def _unasked(session: Session) -> Found:
    asked = exists().where(
        col(Review.action_id) == col(OutboxEntry.id),
        col(Review.kind) == ReviewKind.UNKNOWN_DELIVERY,
        col(Review.status).in_(OPEN_REVIEW),
    )
    unknown = select(col(OutboxEntry.id), col(OutboxEntry.tool)).where(
        col(OutboxEntry.status) == OutboxStatus.UNKNOWN, ~asked
    )
    for action_id, tool in session.execute(unknown):
        yield _action(action_id), f"nobody knows whether `{tool}` happened, and no review asks"


def _twice(session: Session) -> Found:
    same = (
        select(col(OutboxEntry.run_id), col(OutboxEntry.tool), col(OutboxEntry.body))
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(OutboxEntry.reverses).is_(None))
        .group_by(col(OutboxEntry.run_id), col(OutboxEntry.tool), col(OutboxEntry.body))
        .having(func.count() > 1)
        .subquery()
    )
    taken_back = aliased(OutboxEntry)
    at = func.coalesce(col(OutboxEntry.sent_at), col(OutboxEntry.created_at))
    rows = session.execute(
        select(
            col(OutboxEntry.id),
            col(OutboxEntry.run_id),
            col(OutboxEntry.tool),
            col(OutboxEntry.body),
            at.label("at"),
            col(taken_back.sent_at).label("taken_back_at"),
        )
        .join(
            same,
            and_(
                same.c.run_id == col(OutboxEntry.run_id),
                same.c.tool == col(OutboxEntry.tool),
                same.c.body == col(OutboxEntry.body),
            ),
        )
        .outerjoin(
            taken_back,
            and_(
                col(taken_back.reverses) == col(OutboxEntry.id),
                col(taken_back.status) == OutboxStatus.SENT,
            ),
        )
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(OutboxEntry.reverses).is_(None))
        .order_by(same.c.run_id, same.c.tool, same.c.body, at, col(OutboxEntry.id))
    ).all()
    for first, second in pairwise(rows):
        is_same = (first.run_id, first.tool, first.body) == (
            second.run_id,
            second.tool,
            second.body,
        )
        if is_same and (first.taken_back_at is None or first.taken_back_at > second.at):
            yield (
                f"run:{second.run_id}",
                f"`{second.tool}` was sent twice with the same arguments: {first.id}, {second.id}",
            )


def _reversals(session: Session) -> Found:
    several = (
        select(col(OutboxEntry.reverses), func.count())
        .where(col(OutboxEntry.reverses).is_not(None), col(OutboxEntry.status).not_in(_GIVEN_UP))
        .group_by(col(OutboxEntry.reverses))
        .having(func.count() > 1)
    )
    for action_id, number in session.execute(several):
        yield _action(action_id), f"it is taken back {number} times"


# ---- Decisions


def _own_draft(session: Session) -> Found:
    wrote = aliased(Draft)
    suspects = (
        select(Decision, Draft)
        .join(Draft, col(Draft.id) == col(Decision.draft_id))
        .where(
            col(Decision.verdict) == Verdict.APPROVE,
            exists().where(
                col(wrote.run_id) == col(Decision.run_id),
                col(wrote.author) == col(Decision.person),
            ),
        )
    )
    for decision, draft in session.execute(suspects).all():
        if approvals.maker(session, draft) == decision.person:
            yield f"decision:{decision.id}", f"{decision.person} approved what they wrote"


def _two_people(session: Session) -> Found:
    limits = {one.version: one.body for one in policies.versions(session)}
    authorised = (
        select(Decision, Draft)
        .join(Draft, col(Draft.id) == col(Decision.draft_id))
        .where(
            col(Decision.is_final),
            col(Decision.verdict).in_(authorisation.AUTHORISING - {Verdict.HAPPENED}),
            exists().where(
                col(OutboxEntry.decision_id) == col(Decision.id),
                col(OutboxEntry.status) != OutboxStatus.CANCELLED,
            ),
        )
    )
    for decision, draft in session.execute(authorised.execution_options(yield_per=BATCH)):
        policy = limits.get(decision.policy_version)
        if policy is None or not policy.is_two_person(Action.model_validate(draft.action)):
            continue
        people = _approvers(session, decision, draft)
        if len(people) < 2 and not is_from_before_signing(session, decision.id):
            who = ", ".join(sorted(people)) or "nobody who counts"
            yield f"decision:{decision.id}", f"it needs two people and has {who}"


def _approvers(session: Session, decision: Decision, draft: Draft) -> set[str]:
    maker = approvals.maker(session, draft)
    return {
        one.person
        for one in approvals.given(session, decision.review_id, draft.digest)
        if session.info["keys"].is_signed(decisions.message(one), one.signature)
        and not (one.verdict is Verdict.APPROVE and one.person == maker)
    }


# ---- Runs


def _run_state(session: Session) -> Found:
    yield from _waiting(session)
    yield from _committing(session)
    yield from _finished(session)


def _waiting(session: Session) -> Found:
    is_open = and_(
        col(Review.run_id) == col(Run.id),
        col(Review.status).in_(OPEN_REVIEW),
        col(Review.kind) != ReviewKind.AUDIT,
    )
    number = func.count(col(Review.id))
    unasked = (
        select(col(Run.id), number)
        .outerjoin(Review, is_open)
        .where(col(Run.status) == RunStatus.AWAITING_REVIEW)
        .group_by(col(Run.id))
        .having(number != 1)
    )
    for run_id, reviews in session.execute(unasked):
        yield f"run:{run_id}", f"it waits for a person, with {reviews} open reviews"
    idle = (
        select(col(Run.id), col(Run.status), col(Review.id))
        .join(Review, is_open)
        .where(col(Run.status) != RunStatus.AWAITING_REVIEW)
    )
    for run_id, status, review_id in session.execute(idle):
        yield f"run:{run_id}", f"it is {status}, and review {review_id} is still open"


def _committing(session: Session) -> Found:
    idle = select(col(Run.id)).where(
        col(Run.status) == RunStatus.COMMITTING,
        ~exists().where(col(OutboxEntry.run_id) == col(Run.id), col(OutboxEntry.status).in_(_LIVE)),
    )
    for run_id in session.execute(idle).scalars():
        yield f"run:{run_id}", "it is being delivered, and nothing of it is left to deliver"


def _finished(session: Session) -> Found:
    unrecorded = select(col(Run.id)).where(
        col(Run.status) == RunStatus.DONE,
        exists().where(col(OutboxEntry.run_id) == col(Run.id)),
        ~exists().where(
            col(StepRecord.run_id) == col(Run.id),
            col(StepRecord.name) == "commit",
            col(StepRecord.status) == StepStatus.OK,
        ),
    )
    for run_id in session.execute(unrecorded).scalars().all():
        if outbox.calls_of(session, steps.latest_draft(session, run_id)):
            yield f"run:{run_id}", "it is done, and no record says that it was delivered"


def _stuck(session: Session) -> Found:
    for table, status, words in (
        (Run, RunStatus.RUNNING, "run"),
        (OutboxEntry, OutboxStatus.SENDING, "action"),
    ):
        for subject, owner in session.execute(_abandoned(session, table, status)):
            yield f"{words}:{subject}", f"{owner or 'nobody'} has held it for over an hour, silent"


def _abandoned(session: Session, table: Any, status: Any) -> Select[Any]:
    long_ago = db_now(session, -STUCK_SECONDS)
    beats: ColumnElement[bool] = exists().where(
        col(Worker.id) == col(table.lease_owner), col(Worker.heartbeat_at) > long_ago
    )
    is_over = or_(col(table.lease_until).is_(None), col(table.lease_until) < long_ago)
    return select(col(table.id), col(table.lease_owner)).where(
        col(table.status) == status, is_over, ~beats
    )


def _action(action_id: str) -> str:
    return f"action:{action_id}"
