"""What is always true of a store: every rule with its claim, and whatever breaks one, named.

Queries only. The authorisation of each delivery is checked one by one, in batches, the way the
executor checks it. A healthy store has no violation, whatever its people and crashes did to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from store import audit, authorisation, breaches
from store.anchors import AnchorLog
from store.audit import ChainState
from store.breaches import AT_ONCE, Found
from store.deliveries import Due
from store.schema import OutboxEntry
from store.transitions import OutboxStatus


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


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is always true, and what to do where it is not."""

    name: str
    claim: str
    advice: str
    look: Callable[[Session], Found] | None = None  # None: `examine` looks at it by itself


Reading = Callable[..., Any]  # runs a query: `Store.read`, or on a session that is open


def _untold(done: int, total: int) -> None:
    """Tell nobody how far it has come."""


def violations(
    session: Session,
    *,
    anchors: AnchorLog | None = None,
    tell: Callable[[int, int], None] = _untold,
) -> list[Violation]:
    """Return everything that breaks a rule, in one consistent look; none in a healthy store."""

    def here(query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
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
    total = read(_count_sent)
    sent = unsigned = 0
    batch = read(_checked, "")
    while batch.sent:
        sent, unsigned = sent + batch.sent, unsigned + batch.unsigned
        found += batch.violations
        tell(sent, max(sent, total))
        batch = read(_checked, batch.last)
    chain = read(audit.verify, anchors=anchors)
    return Examined(
        violations=(*found, *_broken_trail(chain)),
        sent=sent,
        unsigned=unsigned,
        chain=chain,
    )


def _broken(session: Session, rule: Rule) -> list[Violation]:
    assert rule.look is not None
    return [Violation(rule.name, subject, detail) for subject, detail in rule.look(session)]


def _broken_trail(chain: ChainState) -> Iterator[Violation]:
    if chain.first_bad_seq is not None:
        yield Violation(TRAIL, f"audit:{chain.first_bad_seq}", chain.problem)
    for flaw in chain.flaws:
        if flaw.is_forged:
            yield Violation(TRAIL, f"anchor:{flaw.line}", flaw.problem)


# ---- Authorisation, delivery by delivery


@dataclass(frozen=True, slots=True)
class _Batch:
    """Deliveries whose authorisation was checked together."""

    last: str  # by id; the next batch begins after it
    sent: int
    unsigned: int
    violations: tuple[Violation, ...]


def _count_sent(session: Session) -> int:
    counted = select(func.count()).where(col(OutboxEntry.status) == OutboxStatus.SENT)
    return int(session.execute(counted).scalar_one())


def _checked(session: Session, after: str) -> _Batch:
    entries = session.execute(
        select(OutboxEntry)
        .where(col(OutboxEntry.status) == OutboxStatus.SENT, col(OutboxEntry.id) > after)
        .order_by(col(OutboxEntry.id))
        .limit(AT_ONCE)
    ).scalars()
    listed = entries.all()
    signed = [
        one for one in listed if not breaches.is_from_before_signing(session, one.decision_id)
    ]
    found = ((one, _objection(session, one)) for one in signed)
    return _Batch(
        last=listed[-1].id if listed else after,
        sent=len(listed),
        unsigned=len(listed) - len(signed),
        violations=tuple(
            Violation(
                AUTHORISED,
                breaches.action(one.id),
                f"`{one.tool}` was sent, but {objection}",
            )
            for one, objection in found
            if objection is not None
        ),
    )


def _objection(session: Session, entry: OutboxEntry) -> str | None:
    names = [one.name for one in fields(Due) if one.name in OutboxEntry.model_fields]
    due = Due(**{name: getattr(entry, name) for name in names}, age_seconds=0.0)
    return authorisation.unfounded(session, due)


AUTHORISED = "authorised"
TRAIL = "trail"
_INTRUDER = (
    "The verbs never write this: somebody or something else did. Set `greenlight hold on`, keep a"
    " copy of the home folder, and compare with the services' own books before you go on."
)
_BOOKS = "Look the delivery up in the service's own books before anything else is done about it."

RULES: tuple[Rule, ...] = (
    Rule("receipts", "Each sent delivery has one receipt", _BOOKS, breaches.receipts),
    Rule(AUTHORISED, "Each sent delivery has one valid authorisation", _INTRUDER),
    Rule("own_draft", "Nobody approved what they wrote", _INTRUDER, breaches.own_draft),
    Rule("two_people", "Above the limit two people approved", _INTRUDER, breaches.two_people),
    Rule("undone", "What was undone was never sent", _BOOKS, breaches.undone),
    Rule(
        "left_over",
        "No finished run has anything left to deliver",
        "Have the run looked at: `greenlight runs list`. Nothing will deliver or cancel it.",
        breaches.left_over,
    ),
    Rule(
        "unasked",
        "A person is asked about each delivery in doubt",
        _BOOKS,
        breaches.unasked,
    ),
    Rule(
        "run_state",
        "Each run is where its reviews and deliveries say",
        "Look at the run with `greenlight runs list`; `runs retry` or `runs cancel` moves it on.",
        breaches.run_state,
    ),
    Rule("twice", "Nothing was sent twice in one run", _BOOKS, breaches.twice),
    Rule("reversals", "Nothing is taken back twice", _BOOKS, breaches.reversals),
    Rule(
        "stuck",
        "Nothing is held by a process that fell silent",
        "Start Greenlight: its workers and its executor take back what others left.",
        breaches.stuck,
    ),
    Rule(
        TRAIL,
        "The audit trail is what was written, up to its anchors",
        "Nothing from that entry on can be relied on. Compare with a backup:"
        " `greenlight audit verify` tells how far it is whole.",
    ),
)
