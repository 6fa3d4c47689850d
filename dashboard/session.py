"""What one browser session remembers: every `st.session_state` key, who is acting, the open store.

Pages and actions go through these functions; nothing else reads or writes a state key.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import streamlit as st

from dashboard.worklist import Batch, Worklist
from store import holds, registry, settings
from store.engine import Store
from store.gate import PolicyBody
from store.reports.changes import DraftChange
from store.schema import Company

P = ParamSpec("P")
T = TypeVar("T")

_WORK = "worklist"
_BATCH = "batch"
_NOTICE = "notice"
_SHOWN = "card_shown"
_DECISIONS = "decision_ids"
_RUN = "current_run"
_WITHDRAWING = "withdrawing"
_ASKED = "asked"
_IDS = "ids_to_spend"
_ANSWER = "card_answer"
_CHANGES = "card_changes"
_DRAWN = "cards_drawn"
_TRIED = "policy_tried"
_READ_AT = "past_read_at"

COMPANY_SECONDS = 5.0
_DRAWN_KEPT = 4
ARM_SECONDS = 0.6  # a press sooner than this after a card appeared was meant for the one before


@dataclass(frozen=True, slots=True)
class Offer:
    """A delivered action that the notice offers to take back, and what it says on its button."""

    action_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the last thing that the card sent, known to it by the nonce it made up.

    `problem` is told in place; `ask` is a text that has to be typed before it counts.
    """

    nonce: str
    problem: str = ""
    ask: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for the person; `decision_id` set means it can be taken back until `undo_until`."""

    tone: str  # "done" or "problem"
    text: str
    decision_id: str | None = None
    undo_until: datetime | None = None
    review_id: int | None = None
    is_waiting: bool = False  # somebody else must approve too: no countdown, undo stays
    offer: Offer | None = None


@dataclass(slots=True)
class Tried:
    """What a person tries on the Gate page against one active version, until it is published."""

    version: int
    loaded: PolicyBody | None = None  # tried in place of the active one
    moved: dict[str, float | None] = field(default_factory=dict)  # by kind; None: no own threshold
    edited: PolicyBody | None = None  # by the rules editor, thresholds aside
    editing: PolicyBody | None = None  # what the editor was opened on; None: it is closed
    loads: int = 0  # with `openings` part of the keys of all that is drawn anew
    openings: int = 0
    jumps: int = 0  # how often something else than the slider itself moved it


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(url: str) -> Store:  # noqa: ARG001 - cache key
    return settings.current().open(urgent=True, may_decide=True)


def store() -> Store:
    """Return the one open store of this process."""
    return _open(settings.current().url)


def read(query: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one query on the store."""
    return store().read(query, *args, **kwargs)


@st.cache_resource(show_spinner=False, max_entries=4, ttl=COMPANY_SECONDS)
def _company(url: str) -> tuple[Company, tuple[str, ...]]:  # noqa: ARG001 - cache key
    found = read(registry.company)
    assert found is not None  # no page is drawn before there is one
    return found, tuple(sorted(read(holds.kinds)))


def company() -> Company:
    """Return the company as it was a few seconds ago at most; it is read for every card."""
    return _company(settings.current().url)[0]


def action_kinds() -> tuple[str, ...]:
    """Return what drafts may propose, as it was a few seconds ago at most."""
    return _company(settings.current().url)[1]


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def work() -> Worklist:
    """Return this session's place in the queue."""
    return cast(Worklist, st.session_state.setdefault(_WORK, Worklist()))


def open_review(review_id: int) -> None:
    """Put this review on the card."""
    work().open(review_id)


def put_first(review_id: int) -> None:
    """Put this review on the card and on top of the list, whose other rows keep their order."""
    work().bring_back(review_id)


def advance(review_id: int) -> None:
    """Move on from a closed review to the one after it, if it is still the one on screen."""
    work().advance(review_id, now())


def batch() -> Batch | None:
    """Return what is planned for many cards at once, if anything."""
    return cast(Batch | None, st.session_state.get(_BATCH))


def plan_batch(planned: Batch | None) -> None:
    """Open the panel for many cards at once, or close it."""
    st.session_state[_BATCH] = planned


def is_arriving(list_key: str) -> bool:
    """Return whether the page is opened just now: its list is not on screen yet."""
    return list_key not in st.session_state


def address() -> dict[str, str]:
    """Return what stands behind the question mark of this page's address."""
    return dict(st.query_params.to_dict())


def offset_minutes() -> int:
    """Return by how many minutes this browser's clock is behind UTC."""
    return st.context.timezone_offset or 0


def typed(key: str) -> Any:
    """Return what a keyed widget holds, None if it was never drawn."""
    return st.session_state.get(key)


def keep(key: str, value: object) -> None:
    """Fill a keyed widget before it is drawn."""
    st.session_state[key] = value


def card_shown(review_id: int, revision: int, person: str, at: datetime) -> str:
    """Note when this revision came on screen; return the id its decision will carry."""
    if st.session_state.get(_SHOWN, (None, None))[0] != (review_id, revision):
        st.session_state[_SHOWN] = ((review_id, revision), at)
    ids: dict[tuple[int, int, str], str] = st.session_state.setdefault(_DECISIONS, {})
    return ids.setdefault((review_id, revision, person), uuid.uuid4().hex)


def seconds_on_card(review_id: int, revision: int, at: datetime) -> float | None:
    """Return how long this revision has been on screen; None if another card is."""
    card, since = st.session_state.get(_SHOWN, (None, None))
    if card != (review_id, revision) or since is None:
        return None
    return float((at - since).total_seconds())


def notice() -> Notice | None:
    """Return the line to show, if any."""
    found = st.session_state.get(_NOTICE)
    return found if isinstance(found, Notice) else None


def notify(line: Notice | None) -> None:
    """Replace the line that is shown."""
    st.session_state[_NOTICE] = line


def current_run(order: Sequence[int]) -> int | None:
    """Return the run that is shown: the one opened if it is listed, else the newest."""
    opened = st.session_state.get(_RUN)
    if opened not in order:
        opened = order[0] if order else None
        st.session_state[_RUN] = opened
    return opened


def open_run(run_id: int) -> None:
    """Show this run."""
    st.session_state[_RUN] = run_id


def is_withdrawing(run_id: int) -> bool:
    """Return whether the panel that confirms cancelling is open for this run."""
    return st.session_state.get(_WITHDRAWING) == run_id


def withdraw(run_id: int | None) -> None:
    """Open the panel for a run, or close it."""
    st.session_state[_WITHDRAWING] = run_id


def ask(question: tuple[object, ...] | None) -> None:
    """Open the inline panel that asks this before anything is done, or close it."""
    st.session_state[_ASKED] = question


def is_asked(question: tuple[object, ...]) -> bool:
    """Return whether the panel that asks exactly this is open."""
    return bool(st.session_state.get(_ASKED) == question)


def decision_id(about: str, person: str) -> str:
    """Return the id that this person's decision about something will carry, until it is spent."""
    ids: dict[tuple[str, str], str] = st.session_state.setdefault(_IDS, {})
    return ids.setdefault((about, person), uuid.uuid4().hex)


def spend_id(about: str, person: str) -> None:
    """Forget the id of a decision that was recorded: another one is another decision."""
    st.session_state.get(_IDS, {}).pop((about, person), None)


def answer(said: Answer) -> None:
    """Remember what became of the last thing that the card sent."""
    st.session_state[_ANSWER] = said


def answered() -> Answer:
    """Return what became of the last thing that the card sent."""
    found = st.session_state.get(_ANSWER)
    return found if isinstance(found, Answer) else Answer("")


def note_change(review_id: int, change: DraftChange) -> None:
    """Remember what changed on a card since the person looked at the one before it."""
    st.session_state[_CHANGES] = {review_id: change}


def change_of(review_id: int) -> DraftChange | None:
    """Return what changed on this card since the person looked, None if nothing did."""
    found: dict[int, DraftChange] = st.session_state.get(_CHANGES, {})
    return found.get(review_id)


def sent(component: str, trigger: str) -> Any:
    """Return what one of our components just sent, None if it is not on the page any more."""
    return getattr(st.session_state.get(component), trigger, None)


def note_drawn(card: tuple[int, int], drawn: object) -> None:
    """Remember what a card was drawn from, for a press on it that arrives after the next came."""
    kept: dict[tuple[int, int], object] = st.session_state.setdefault(_DRAWN, {})
    kept.pop(card, None)
    kept[card] = drawn
    for old in list(kept)[:-_DRAWN_KEPT]:
        del kept[old]


def drawn(card: tuple[int, int]) -> object | None:
    """Return what this revision of a review was drawn from, None if that is too long ago."""
    kept: dict[tuple[int, int], object] = st.session_state.get(_DRAWN, {})
    return kept.get(card)


def tried(version: int) -> Tried:
    """Return what this person tries against the active version; nothing yet where it is new."""
    found = st.session_state.get(_TRIED)
    if not isinstance(found, Tried) or found.version != version:
        found = st.session_state[_TRIED] = Tried(version)
    return found


def tried_before(version: int) -> Tried | None:
    """Return what this person tries against another version than this one, if anything."""
    found = st.session_state.get(_TRIED)
    return found if isinstance(found, Tried) and found.version != version else None


def keep_tried(tried: Tried) -> None:
    """Put this in place of what the person tries."""
    st.session_state[_TRIED] = tried


def tried_now() -> Tried:
    """Return what this person tries on the Gate page as it was last drawn."""
    return cast(Tried, st.session_state[_TRIED])


def read_at(*, anew: bool = False) -> datetime:
    """Return as of when this person looks at past drafts: since they came, or asked again."""
    if anew or _READ_AT not in st.session_state:
        st.session_state[_READ_AT] = now()
    return cast(datetime, st.session_state[_READ_AT])
