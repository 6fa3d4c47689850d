"""What people outside the dashboard are told: each thing once, in plain words, by whoever sends it.

`tell` records, the watcher sends. A notification is claimed before it is sent, so that of two
watchers one sends it; one that dies in between leaves it to be sent again. Nothing a customer, a
model or a tool wrote is ever in one but a title, and that is made harmless here.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, insert, not_, or_, select, update
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, col

from store.actions import Action
from store.errors import BadInput
from store.money import Money
from store.outputs import Reason
from store.schema import Draft, Notification, Review

MAX_ATTEMPTS = 8  # about two hours
AT_ONCE = 5  # about one topic in an hour; more become one summary
_FIRST_DELAY = timedelta(seconds=30)
_MAX_DELAY = timedelta(hours=1)
_REMEMBERED = timedelta(days=7)  # how long one that was given up is shown
_UNCONFIRMED = "an attempt began, and it is not known how it ended"
_BROKEN = (ValueError, LookupError, NoResultFound)  # rows that no verb has written
_PATH = re.compile(r"/[A-Za-z0-9_/?=&-]*")
_LINK = re.compile(r"\.(?=[^\W\d_])")  # "evil.test": chat programs make links of it
_ALLOWED = frozenset(" .,:;%+-'?&·€$£¥")


@dataclass(frozen=True, slots=True)
class Message:
    """What is told, and the path of the page it links to."""

    title: str
    body: str
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification that is due."""

    id: int
    attempt: int
    message: Message


@dataclass(frozen=True, slots=True)
class Unsent:
    """How the sending goes: still to be sent, and given up within the last week."""

    waiting: int
    given_up: int
    last_error: str | None  # of the newest that was given up


def harmless(text: str, limit: int) -> str:
    """Return one line of the text that no chat program, mail reader or terminal acts upon.

    Letters, digits, spaces and a little punctuation stay: no markup, mention, link, line break,
    control, bidi or zero-width character does.
    """
    shown = [
        one if one in _ALLOWED or unicodedata.category(one)[0] in "LN" else " "
        for one in unicodedata.normalize("NFKC", text)
    ]
    line = _LINK.sub(". ", " ".join("".join(shown).split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def tell(session: Session, key: str, title: str, body: str, path: str, now: datetime) -> bool:
    """Record something to be told, once per key; return whether it is new."""
    return _record(session, key, Message(title, body, path), now=now)


def tell_each(
    session: Session,
    topic: str,
    subjects: Sequence[int],
    word: Callable[[int], Message],
    summary: Message,
    *,
    now: datetime,
) -> bool:
    """Record a notification for each subject, or once they are many in an hour one for all.

    Return whether each has its own.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    new = [one for one in subjects if not _is_known(session, f"{topic}:{one}")]
    if len(new) + _told_since(session, topic, hour) <= AT_ONCE:
        for one in new:
            _record(session, f"{topic}:{one}", word(one), now=now)
        return True
    _record(session, f"{topic}:many:{hour:%Y-%m-%dT%H}", summary, now=now)
    return False


def remember(
    session: Session, topic: str, subjects: Sequence[int], message: Message, *, now: datetime
) -> None:
    """Count the subjects as told by `message`, which stood for all of them."""
    for one in subjects:
        _record(session, f"{topic}:{one}", message, now=now, sent_at=now)


def due(session: Session, now: datetime, limit: int) -> tuple[Waiting, ...]:
    """Return what is to be sent now, longest due first."""
    rows = session.execute(
        select(Notification)
        .where(_is_waiting(), _is_due(now))
        .order_by(col(Notification.not_before), col(Notification.id))
        .limit(limit)
    ).scalars()
    return tuple(
        Waiting(row.id, row.attempt, Message(row.title, row.body, row.path))
        for row in rows
        if row.id is not None
    )


def claim(session: Session, one: Waiting, now: datetime) -> bool:
    """Take a notification for one attempt; False if another watcher was first.

    Should nothing be heard of the attempt, the next one is made after the back-off.
    """
    delay = min(_FIRST_DELAY * 2**one.attempt, _MAX_DELAY)
    taken = session.connection().execute(
        update(Notification)
        .where(
            col(Notification.id) == one.id,
            col(Notification.attempt) == one.attempt,
            col(Notification.sent_at).is_(None),
        )
        .values(attempt=one.attempt + 1, not_before=now + delay, error=_UNCONFIRMED)
    )
    return taken.rowcount == 1


def mark_sent(session: Session, notification_id: int, now: datetime, error: str | None) -> None:
    """Record that it was taken; `error` names the addresses that did not, which is not repeated."""
    _settle(session, notification_id, sent_at=now, error=error)


def mark_failed(session: Session, notification_id: int, error: str) -> None:
    """Record why an attempt failed; after the last one it stays with this error."""
    _settle(session, notification_id, error=error[:500])


def give_up(session: Session, why: str) -> int:
    """Give up everything that waits, with the reason; return how many."""
    stopped = session.connection().execute(
        update(Notification).where(_is_waiting()).values(attempt=MAX_ATTEMPTS, error=why)
    )
    return stopped.rowcount


def unsent(session: Session, *, now: datetime) -> Unsent:
    """Return how many notifications wait to be sent, and how many were given up lately."""
    is_lost = and_(
        col(Notification.sent_at).is_(None),
        not_(_is_waiting()),
        col(Notification.created_at) > now - _REMEMBERED,
    )
    waiting = select(func.count()).select_from(Notification).where(_is_waiting())
    lost = select(func.count()).select_from(Notification).where(is_lost)
    newest = select(col(Notification.error)).where(is_lost).order_by(col(Notification.id).desc())
    return Unsent(
        waiting=session.execute(waiting).scalar_one(),
        given_up=session.execute(lost).scalar_one(),
        last_error=session.execute(newest.limit(1)).scalar(),
    )


def about_card(session: Session, review_id: int, opening: str) -> Message:
    """Return the words about one card: its title, money and reasons, and nothing a customer wrote.

    `opening` ends before the card's title: "Card 17 is overdue". A card whose rows are broken is
    told all the same.
    """
    link = f"/?review={review_id}"
    try:
        row = session.execute(
            select(col(Review.title), col(Review.reasons), col(Draft.action))
            .join(Draft, col(Draft.id) == col(Review.draft_id))
            .where(col(Review.id) == review_id)
        ).one()
        facts = (*_money(row.action), *_codes(row.reasons))
    except _BROKEN:
        return Message(opening, "What it is about cannot be read from the store.", link)
    return Message(f"{opening}: {row.title}", " · ".join(facts), link)


def _money(stored: object) -> tuple[str, ...]:
    action = Action.model_validate(stored)
    total, currency = action.total_minor, action.total_currency
    return (str(Money(total, currency)),) if total is not None and currency else ()


def _codes(stored: list[dict[str, object]]) -> tuple[str, ...]:
    reasons = dict.fromkeys(Reason.model_validate(one).code for one in stored)
    return tuple(code.replace("_", " ") for code in reasons)


def _record(
    session: Session, key: str, message: Message, *, now: datetime, sent_at: datetime | None = None
) -> bool:
    """Insert unless the key is known; with `sent_at` it counts as told without being sent."""
    if not _PATH.fullmatch(message.path):
        raise BadInput(f"`{message.path}` is not the path of a page.")
    if _is_known(session, key):
        return False
    lines = (harmless(line, 300) for line in message.body.splitlines()[:6])
    session.connection().execute(
        insert(Notification).values(
            key=key,
            title=harmless(message.title, 120),
            body="\n".join(line for line in lines if line),
            path=message.path,
            created_at=now,
            not_before=now,
            attempt=0,
            sent_at=sent_at,
        )
    )
    return True


def _is_known(session: Session, key: str) -> bool:
    known = select(col(Notification.id)).where(col(Notification.key) == key)
    return session.execute(known).first() is not None


def _told_since(session: Session, topic: str, since: datetime) -> int:
    """Count what is or will be sent; what counts as told with a summary was never sent."""
    told = select(func.count()).where(
        col(Notification.key).startswith(f"{topic}:", autoescape=True),
        col(Notification.created_at) >= since,
        or_(col(Notification.attempt) > 0, col(Notification.sent_at).is_(None)),
    )
    return int(session.execute(told).scalar_one())


def _is_waiting() -> ColumnElement[bool]:
    return and_(col(Notification.sent_at).is_(None), col(Notification.attempt) < MAX_ATTEMPTS)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Later than the longest back-off is no plan but a clock that was set back."""
    return or_(col(Notification.not_before) <= now, col(Notification.not_before) > now + _MAX_DELAY)


def _settle(session: Session, notification_id: int, **values: object) -> None:
    session.connection().execute(
        update(Notification).where(col(Notification.id) == notification_id).values(**values)
    )
