"""Working together: whose turn it is, what is looked for, and whose card it becomes.

`settle` runs before the page is drawn: it fills the list and claims the card that comes on screen,
so that no card is given to two people. The rest are button callbacks; none decides anything.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dashboard import actions, filters, identity, session
from dashboard.filters import Filters
from dashboard.session import Notice
from dashboard.worklist import FRESH_SECONDS, PAGE, Worklist
from store import claims, notes, routing
from store.errors import GreenlightError, NotFound, StaleReview
from store.reports import desk
from store.reports.queue import queue_items, queue_page, ranking

MORNING = 9  # o'clock, where the person is
REACH = 300  # so many of the most urgent cards are looked through for a free one


def arrive(said: Mapping[str, str]) -> None:
    """Take over what an address asks for: filters, and one review to open."""
    work, opened, me = session.work(), filters.review_of(said), identity.me()
    if work.person != me:
        work.begin(me)  # before the link is followed: beginning closes the card
    if filters.NAMES & set(said):
        work.look(filters.from_query(said))
    work.claimed = None  # leaving the page gave it back
    if opened is not None:
        work.open(opened)


def settle(currency: str) -> Worklist:
    """Fill the list if it must be read, claim the card that comes on screen; return the list."""
    work, me, now = session.work(), identity.me(), session.now()
    if work.person != me:
        _leave(work)
        work.begin(me)
    if work.is_to_read:
        _read(work, currency, now)
    elif work.age_s(now) > FRESH_SECONDS:
        work.refresh(session.read(queue_items, work.order, now=now), now)
    if work.current is not None:
        _claim(work, now)
    if work.current is None:
        _take_next(work, currency, now)
    return work


def _read(work: Worklist, currency: str, now: datetime) -> None:
    newest = session.read(desk.newest)  # before the list: what comes between is offered, not lost
    found = session.read(
        queue_page,
        work.filters.wanted(currency),
        person=work.person,
        now=now,
        limit=PAGE,
        offset=work.start,
    )
    fill = work.fill if work.first is None else work.fill_around
    fill(found.items, found.total, newest, now)


def _take_next(work: Worklist, currency: str, now: datetime) -> None:
    """Claim the next free card of the list; where it has none, move the list on to where one is."""
    order = list(work.free(now) if work.coming is None else work.coming)
    taken = _first_free(work, [*order, *work.ahead(now)], now)  # with one question to the store
    if taken is None:
        wanted = work.filters.wanted(currency)
        work.rank(session.read(ranking, wanted, person=work.person, now=now, limit=REACH), now)
        taken = _first_free(work, work.ahead(now), now)
    if taken is None:
        _leave(work)
        if work.items == ():  # the last one was decided: what waits now is others'
            work.start = 0
            _read(work, currency, now)
    elif taken not in order:
        rows = session.read(queue_items, work.around(taken), now=now)
        work.fill(rows, max(work.total, work.start + len(rows)), work.newest, now)
    work.arrive(taken)


def _first_free(work: Worklist, order: list[int] | tuple[int, ...], now: datetime) -> int | None:
    if not order:
        return None
    try:
        taken = identity.transact(
            claims.take_next, work.person, order, leaving=work.claimed, now=now
        )
    except GreenlightError:  # nothing can be written now: looking is still possible
        return order[0]
    work.claimed = None
    return taken


def _claim(work: Worklist, now: datetime) -> None:
    """Claim the card that somebody opened; another's, or a closed one, is looked at only."""
    review_id = work.current
    if review_id is None or review_id == work.claimed:
        return
    try:
        holder = identity.transact(
            claims.take, review_id, work.person, leaving=work.claimed, now=now
        )
    except NotFound as error:
        work.current = None
        session.notify(Notice("problem", str(error)))
    except StaleReview:
        _leave(work)
    except GreenlightError:
        return
    else:
        work.claimed = review_id if holder == work.person else None


def _leave(work: Worklist) -> None:
    if work.claimed is None:
        return
    left, work.claimed = work.claimed, None
    actions.attempt(lambda: identity.transact(claims.release, left, work.person))


def open_card(review_id: int) -> None:
    """Bring a review on the card, whoever is on it."""
    session.open_review(review_id)
    session.plan_batch(None)


def look(said: Mapping[str, Any]) -> None:
    """Show what these filters let through, its most urgent card first."""
    session.work().look(filters.from_query(said))
    session.plan_batch(None)


def clear() -> None:
    """Show everything of this tab again."""
    work = session.work()
    work.look(Filters(tab=work.filters.tab))


def show_new() -> None:
    """Read the list anew with what came in; the card on screen stays."""
    session.work().reload()


def turn(page: int) -> None:
    """Go to another page of the list and take its first free card."""
    work = session.work()
    work.look(work.filters, start=PAGE * max(0, page))


def skip(review_id: int) -> None:
    """Leave a card for later and go on to the next."""
    session.work().skip(review_id, session.now())


def assign(review_id: int, to: str | None) -> None:
    """Give a card to one person, or back to everybody."""

    def give() -> None:
        me = identity.me()
        identity.transact(routing.assign, review_id, to, by=me, now=session.now())
        work = session.work()
        work.change(review_id, assigned_to=to)
        if to not in (None, me):
            work.hand_over(review_id, session.now())
        whom = "nobody in particular now" if to is None else to
        session.notify(Notice("done", f"It is for {whom}."))

    actions.attempt(give)


def snooze(review_id: int, until: datetime | None) -> None:
    """Take a card off the list until then, or put it back."""

    def put_off() -> None:
        identity.transact(routing.snooze, review_id, until, by=identity.me(), now=session.now())
        work = session.work()
        work.change(review_id, snoozed_until=until)
        if until is not None:
            work.hand_over(review_id, session.now())
            work.drop(review_id)
        when = "It is back on the list." if until is None else "Put off: it comes back by itself."
        session.notify(Notice("done", when))

    actions.attempt(put_off)


def tomorrow(now: datetime, offset_minutes: int) -> datetime:
    """Return nine o'clock of the next day where the person is. Pure."""
    here = now - timedelta(minutes=offset_minutes)
    morning = here.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return morning + timedelta(days=1, minutes=offset_minutes)


def add_note(run_id: int, text: str) -> None:
    """Leave a note for colleagues beside a run."""

    def write() -> None:
        identity.transact(notes.add, run_id, text, person=identity.me(), now=session.now())

    actions.attempt(write)
