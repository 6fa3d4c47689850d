"""What the watcher looks for besides the clocks: new cards with much at stake, deliveries nobody
knows the end of, and drafts that went out alone and turn out wrong too often.

Queries only, and nothing in here is told twice: `notifications` knows each by its key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, String, cast, exists, literal, select
from sqlmodel import Session, col

from store import notifications
from store.evidence.sampling import Estimate, Sampled, weighted_rate
from store.labels import valid, whole_draft
from store.notifications import Message
from store.schema import Label, Notification, Review, Run
from store.transitions import OPEN_REVIEW, LabelSource, Outcome, ReviewKind

NEW = timedelta(hours=1)  # a card that waits longer is the clock's to tell
WEEK = timedelta(days=7)
_FEWEST = 30
_ASSURANCE = 0.99  # each day is a new test, so 5 % would cry wolf
_AT_ONCE = 200  # cards of a topic in one transaction
_FRESH_KINDS = (ReviewKind.ESCALATION, ReviewKind.STALE)
_NEW_TOPIC, _UNKNOWN_TOPIC = "review:new", "delivery:unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to tell: reviews by topic, and how wrong drafts went out, if too often."""

    new: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    wrong: Estimate | None = None

    def __bool__(self) -> bool:
        return bool(self.new or self.unknown or self.wrong)


def found(
    session: Session, *, risk_above: float, wrong_above: float | None, now: datetime
) -> Found:
    """Return what has not been told yet."""
    new = _untold(_NEW_TOPIC, _FRESH_KINDS).where(
        col(Review.risk) > risk_above, col(Review.opened_at) > now - NEW
    )
    unknown = _untold(_UNKNOWN_TOPIC, (ReviewKind.UNKNOWN_DELIVERY,))
    wrong = None
    if wrong_above is not None and not _is_told(session, _alarm_key(now)):
        wrong = alarming(_audited(session, now), wrong_above)
    return Found(
        new=tuple(session.execute(new).scalars()),
        unknown=tuple(session.execute(unknown).scalars()),
        wrong=wrong,
    )


def tell(session: Session, news: Found, *, now: datetime) -> None:
    """Record notifications of what was found; what another watcher recorded first stays."""
    for topic, ids, says, many in (
        (_NEW_TOPIC, news.new, "needs a person", "new cards with much at stake need a person"),
        (
            _UNKNOWN_TOPIC,
            news.unknown,
            "asks whether a delivery happened",
            "deliveries have an unknown end",
        ),
    ):
        number = f"At least {len(ids)}" if len(ids) == _AT_ONCE else str(len(ids))
        summary = Message(f"{number} {many}", "The queue shows the most urgent first.")
        word = partial(_about, session, says)
        if ids and not notifications.tell_each(session, topic, ids, word, summary, now=now):
            notifications.remember(session, topic, ids, summary, now=now)
    if news.wrong is not None:
        alarm = _alarm(news.wrong)
        notifications.tell(session, _alarm_key(now), alarm.title, alarm.body, alarm.path, now)


def alarming(labels: Sequence[Sampled], wrong_above: float) -> Estimate | None:
    """Return the rate of wrong drafts if its range lies wholly above the limit, else None.

    The range is anytime-valid at 99 %, weighted by inclusion probability, from 30 labels on.
    """
    wrong = [Sampled(not one.is_right, one.inclusion_probability) for one in labels]
    estimate = weighted_rate(wrong, look="live", assurance=_ASSURANCE)
    is_clear = estimate.low is not None and estimate.low > wrong_above
    return estimate if estimate.labelled >= _FEWEST and is_clear else None


def _about(session: Session, says: str, review_id: int) -> Message:
    return notifications.about_card(session, review_id, f"Card {review_id} {says}")


def _untold(topic: str, kinds: Sequence[ReviewKind]) -> Select[Any]:
    """Return the select of waiting reviews of these kinds that were never told under the topic."""
    key = literal(f"{topic}:") + cast(col(Review.id), String)
    return (
        select(col(Review.id))
        .where(
            col(Review.status).in_(OPEN_REVIEW),
            col(Review.kind).in_(kinds),
            ~exists().where(col(Notification.key) == key),
        )
        .order_by(col(Review.id))
        .limit(_AT_ONCE)
    )


def _audited(session: Session, now: datetime) -> list[Sampled]:
    """Return the blind audits, by people, of drafts that went out alone.

    From midnight a week ago: a window that moved with each look would be another test each time.
    """
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - WEEK
    rows = session.execute(
        valid(col(Label.is_right), col(Label.inclusion_probability))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(
            whole_draft(),
            col(Label.source) == LabelSource.AUDIT,
            col(Label.labelled_at) >= since,
            col(Label.labelled_at) <= now,
            ~col(Label.is_simulated),
            col(Run.outcome) == Outcome.PASS,
        )
    )
    return [Sampled(row[0], row[1]) for row in rows]


def _alarm(wrong: Estimate) -> Message:
    rate, low, high = (round(100 * (value or 0.0)) for value in (wrong.rate, wrong.low, wrong.high))
    return Message(
        "Drafts that went out alone are wrong too often",
        f"In the last 7 days about {rate} % of them were wrong, and between {low} % and {high} %"
        f" at 99 % assurance: {wrong.right} of {wrong.labelled} audits by people.\n"
        "Raise the threshold, or hold automatic delivery until the cause is found.",
    )


def _alarm_key(now: datetime) -> str:
    return f"reliability:wrong:{now:%Y-%m-%d}"


def _is_told(session: Session, key: str) -> bool:
    return (
        session.execute(select(col(Notification.id)).where(col(Notification.key) == key)).first()
        is not None
    )
