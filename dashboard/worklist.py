"""The list that one person works through, and whose turn it is. No Streamlit, no store.

Its order is frozen while they work, so that the next card is the next row; it is read anew only
when they ask for it, look for something else, or have come to its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from dashboard.filters import Filters
from store.bulk import BulkItem, Plan
from store.reports.queue import QueueItem, Ranked
from store.transitions import Verdict

PAGE = 50
SNOOZED = "snoozed"
FRESH_SECONDS = 20.0  # rows older than this are read again, in the same order


@dataclass(slots=True)
class Worklist:
    """One browser session's place in the queue."""

    person: str = ""
    filters: Filters = field(default_factory=Filters)
    start: int = 0  # the place of the list's first row among all that fit
    items: tuple[QueueItem, ...] | None = None  # None: to be read
    total: int = 0
    newest: int = 0  # the newest review when the list was read: later ones are new to it
    read_at: datetime | None = None  # when the rows were
    current: int | None = None  # the review on the card
    claimed: int | None = None  # the one this person holds because it is on the card
    coming: tuple[int, ...] | None = None  # whose turn it is, best first; None: nobody's
    skipped: tuple[int, ...] = ()  # they come after the others
    ranked: tuple[Ranked, ...] = ()  # those that come after the list, and around it
    ranked_at: datetime | None = None
    first: int | None = None  # one that was undone: on top of the list once that is read anew

    @property
    def is_to_read(self) -> bool:
        """Whether the list on screen is not the one that belongs there."""
        return self.items is None or self.first is not None

    @property
    def order(self) -> list[int]:
        """The reviews of the list from top to bottom."""
        return [item.review_id for item in self.items or ()]

    def begin(self, person: str) -> None:
        """Start for a person; after another one anew, with the same filters."""
        before, self.person = self.person, person
        if before:
            self.skipped = ()
            self.look(self.filters)

    def look(self, filters: Filters, start: int = 0) -> None:
        """Look for something else: read the list anew and take its first free card."""
        self.filters, self.start = filters, start
        self.items, self.current, self.coming = None, None, None
        self.ranked, self.ranked_at = (), None

    def reload(self) -> None:
        """Read the list anew; the card on screen stays."""
        self.items = None

    def fill(self, items: Iterable[QueueItem], total: int, newest: int, at: datetime) -> None:
        """Take over a page of the list as it was read; what was skipped goes to its end."""
        found = tuple(items)
        late = set(self.skipped)
        kept = [item for item in found if item.review_id not in late]
        self.items = (*kept, *(item for item in found if item.review_id in late))
        self.total, self.newest, self.read_at = total, newest, at

    def refresh(self, items: Sequence[QueueItem], at: datetime) -> None:
        """Take over the same rows as they are now, without those that closed meanwhile."""
        self.total -= len(self.items or ()) - len(items)
        self.items, self.read_at = tuple(items), at

    def rank(self, ranked: tuple[Ranked, ...], at: datetime) -> None:
        """Take over how all that fits is ordered, which lets the list move on without reading."""
        self.ranked, self.ranked_at = ranked, at

    def ahead(self, now: datetime) -> list[int]:
        """Return the ranked reviews that this person may be given; what was skipped comes last."""
        if self.ranked_at is None or (now - self.ranked_at).total_seconds() > FRESH_SECONDS:
            return []
        free = [one.review_id for one in self.ranked if one.is_free]
        late = [one for one in self.skipped if one in free]
        return [*(one for one in free if one not in late), *late]

    def around(self, review_id: int) -> list[int]:
        """Return a page's worth of the ranking from this review on, and note where it begins."""
        order = [one.review_id for one in self.ranked]
        self.start = order.index(review_id)  # it was claimed from this very order
        return order[self.start : self.start + PAGE]

    def bring_back(self, review_id: int) -> None:
        """Put a review that was undone on the card and, when the list is read, on top of it."""
        self.open(review_id)
        self.first = review_id

    def fill_around(
        self, items: Iterable[QueueItem], total: int, newest: int, at: datetime
    ) -> None:
        """Take over a list that was read anew for the one brought back; the others stay put."""
        rank = {review_id: place for place, review_id in enumerate(self.order)}
        if self.first is not None:
            rank[self.first] = -1
        self.first = None
        found = sorted(items, key=lambda item: rank.get(item.review_id, len(rank)))
        self.fill(found, total, newest, at)

    def open(self, review_id: int) -> None:
        """Put this review on the card, whoever is on it."""
        self.current, self.coming = review_id, None

    def advance(self, review_id: int, now: datetime) -> None:
        """Drop a closed review; if it is on the card, it is the turn of those after it."""
        if self.current == review_id:
            self.coming = tuple(self.free(now, after=review_id))
            self.current = None
            self.claimed = None if self.claimed == review_id else self.claimed
        self.drop(review_id)

    def drop(self, review_id: int) -> None:
        """Take a review off the list."""
        self.ranked = tuple(one for one in self.ranked if one.review_id != review_id)
        rest = tuple(item for item in self.items or () if item.review_id != review_id)
        if self.items is not None and len(rest) < len(self.items):
            self.items, self.total = rest, max(0, self.total - 1)

    def skip(self, review_id: int, now: datetime) -> None:
        """Leave the card for later: it goes to the end of the list, and the next one comes."""
        if self.current != review_id:
            return
        self.coming = tuple(self.free(now, after=review_id))
        self.current = None
        self.skipped = (*(one for one in self.skipped if one != review_id), review_id)
        self.fill(self.items or (), self.total, self.newest, self.read_at or now)

    def hand_over(self, review_id: int, now: datetime) -> None:
        """Go on from a card that was given back: it is somebody else's, or comes up later."""
        if self.current == review_id:
            self.coming = tuple(self.free(now, after=review_id))
            self.current = self.claimed = None

    def arrive(self, review_id: int | None) -> None:
        """Put a card that was claimed on screen."""
        self.current = self.claimed = review_id
        self.coming = None

    def change(self, review_id: int, **values: object) -> None:
        """Show on a row what this person just changed about it."""
        self.items = tuple(
            replace(item, **values) if item.review_id == review_id else item  # type: ignore[arg-type]
            for item in self.items or ()
        )

    def free(self, now: datetime, *, after: int | None = None) -> list[int]:
        """Return the reviews that this person may be given, in order; `after` leaves a place."""
        order = self.order
        start = order.index(after) + 1 if after in order else 0
        return [
            item.review_id
            for item in (self.items or ())[start:]
            if item.review_id != after and self.passed(item, now) is None
        ]

    def passed(self, item: QueueItem, now: datetime) -> str | None:
        """Return why J and K pass over a row, None if they do not."""
        why = passed(item, self.person, now)
        return None if why == SNOOZED and self.filters.snoozed else why

    def age_s(self, now: datetime) -> float:
        """Return how old the rows are."""
        return 0.0 if self.read_at is None else (now - self.read_at).total_seconds()


def passed(item: QueueItem, person: str, now: datetime) -> str | None:
    """Return why a card is not given to this person of itself, None if it is."""
    if item.claimed_by not in (None, person):
        return f"with {item.claimed_by}"
    if item.assigned_to not in (None, person):
        return f"assigned to {item.assigned_to}"
    if person in item.approved_by:
        return "waiting for a second person"
    if item.snoozed_until is not None and item.snoozed_until > now:
        return SNOOZED
    return None


@dataclass(frozen=True, slots=True)
class Batch:
    """What somebody is about to decide for many cards at once, as they see it."""

    batch_id: str
    verdict: Verdict
    plan: Plan
    chosen: int = 0  # the group of look-alikes that is looked at

    @property
    def items(self) -> tuple[BulkItem, ...]:
        """The cards that confirming decides: one group to approve, everything to reject."""
        if self.verdict is Verdict.REJECT:
            return self.plan.items
        return self.plan.groups[self.chosen].items if self.plan.groups else ()


SAMPLE = 4


def sample(items: Sequence[BulkItem]) -> list[BulkItem]:
    """Return a few cards that stand for all: the one with most money, and others spread evenly."""
    if not items:
        return []
    by_money = sorted(items, key=lambda item: -(item.amount_minor or 0))
    steps = max(1, min(SAMPLE, len(by_money)) - 1)
    places = {round(step * (len(by_money) - 1) / steps) for step in range(steps + 1)}
    return [by_money[place] for place in sorted(places)]
