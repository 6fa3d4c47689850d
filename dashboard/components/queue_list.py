"""The list of waiting reviews, keyed by review id; also the list of runs, keyed by run id.

Streamlit's own tables select by row position, which after any change is another review.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from dashboard import session, words
from dashboard.components.custom import register
from store.outputs import STEP_TITLES
from store.reports.queue import QueueItem
from store.reports.runs import RunRow
from store.transitions import ReviewKind, ReviewStatus, RunStatus

_LIST = register("queue_list")

_CAME_BACK = {
    ReviewKind.STALE: ("came back", "orange"),
    ReviewKind.UNKNOWN_DELIVERY: ("did it happen?", "red"),
}
_RUN_TONES = {
    RunStatus.DONE: "green",
    RunStatus.AWAITING_REVIEW: "orange",
    RunStatus.FAILED: "red",
    RunStatus.DEAD: "red",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. `share` and `limit` in [0, 1] draw the bar; None leaves it out."""

    id: int
    title: str
    who: str
    reason: str
    money: str
    age: str
    ageTone: str = ""  # noqa: N815 - read by the script under this name
    confidence: str = ""
    threshold: str = ""
    share: float | None = None
    limit: float | None = None
    tone: str = ""
    tag: str = ""
    tagTone: str = ""  # noqa: N815 - read by the script under this name
    holder: str = ""  # who is on it
    passed: str = ""  # why J and K pass over it


@dataclass(frozen=True, slots=True)
class Desk:
    """What stands under the list of a shared queue, and what the browser must know of it."""

    me: str
    address: Mapping[str, str]  # of what is on screen
    claimed: int | None
    newest: int
    tab: str
    said: str
    page: int
    pages: int
    canClear: bool  # noqa: N815 - read by the script under this name
    canBatch: bool  # noqa: N815 - read by the script under this name


@dataclass(frozen=True, slots=True)
class Acts:
    """What the list asks for besides opening a row."""

    refresh: Callable[[], None]
    turn: Callable[[int], None]
    clear: Callable[[], None]
    batch: Callable[[], None]


def review_row(
    item: QueueItem, person: str, *, now: datetime, waited_s: float = 0.0, passed: str | None = None
) -> Row:
    """Return the line of a waiting review; an audit gives no probability away.

    `waited_s` is how long ago the item was read.
    """
    reason, further = _reason(item)
    due, due_tone = words.due(item.due_at, item.sla_stage, now)
    tag, tone = _review_tag(item, person)
    is_doubt = item.is_reversal or item.kind is ReviewKind.UNKNOWN_DELIVERY
    is_known = item.confidence is not None and item.threshold is not None and not is_doubt
    is_blind = item.threshold is None or is_doubt
    return Row(
        id=item.review_id,
        title=item.title,
        who=" · ".join(part for part in (item.customer_id, item.external_id) if part),
        reason=f"{reason} (+{further})" if further > 0 else reason,
        money=words.money(item.amount_minor, item.currency),
        age=due or words.age(item.age_s + waited_s),
        ageTone=due_tone,
        confidence=f"{item.confidence:.2f}" if is_known else _none(is_blind),
        threshold=f"{item.threshold:.2f}" if item.threshold is not None else "",
        share=item.confidence if is_known else None,
        limit=item.threshold if is_known else None,
        tone=_tone(item.confidence, item.threshold),
        tag=tag,
        tagTone=tone,
        holder=item.claimed_by or "",
        passed=passed or "",
    )


def _reason(item: QueueItem) -> tuple[str, int]:
    """Return the reason that counts now, and how many others stand beside it."""
    if not item.reasons:
        return "Was this right?", 0
    message = words.plain(item.reasons[0].message)
    if item.kind is ReviewKind.UNKNOWN_DELIVERY:
        return words.in_doubt(message), 0
    if item.kind is ReviewKind.STALE:
        return message.removeprefix("Changed since this was decided: "), 0
    return message, len(item.reasons) - 1


def run_row(run: RunRow) -> Row:
    """Return the line of a run."""
    step = run.intent or "no intent yet"
    said = [part for part in (STEP_TITLES.get(step, step), run.action_kind) if part]
    return Row(
        id=run.run_id,
        title=run.title,
        who=" · ".join(part for part in (run.customer_id, run.external_id) if part),
        reason=" · ".join(said).replace("_", " "),
        money="",
        age=f"{run.created_at:%d %b %H:%M}",
        confidence="" if run.confidence is None else f"{run.confidence:.2f}",
        tag=run.status.replace("_", " "),
        tagTone=_RUN_TONES.get(run.status, ""),
    )


def queue_list(
    rows: Sequence[Row],
    current: int | None,
    *,
    key: str,
    empty: str,
    on_open: Callable[[int], None],
    desk: Desk | None = None,
    acts: Acts | None = None,
    name: str = "Runs, newest first",
) -> None:
    """Draw the list; `on_open` gets the id of a row that was clicked or reached with J or K."""

    def told(trigger: str, act: Callable[[int], None]) -> Callable[[], None]:
        def heard() -> None:
            said = session.sent(key, trigger)
            if isinstance(said, int | float):
                act(int(said))

        return heard

    data: dict[str, Any] = {
        "items": [{name: getattr(row, name) for name in Row.__slots__} for row in rows],
        "current": current,
        "empty": empty,
        "name": name,
        "desk": None if desk is None else asdict(desk),
    }
    hears: dict[str, Callable[[], None]] = {"on_open_change": told("open", on_open)}
    if acts is not None:
        hears |= {
            "on_refresh_change": acts.refresh,
            "on_turn_change": told("turn", acts.turn),
            "on_clear_change": acts.clear,
            "on_batch_change": acts.batch,
        }
    _LIST(key=key, data=data, **hears)


def _none(is_blind: bool) -> str:
    return "" if is_blind else "no confidence"


def _tone(confidence: float | None, threshold: float | None) -> str:
    if confidence is None or threshold is None:
        return ""
    if confidence > threshold:
        return "high"
    return "mid" if confidence > threshold - 0.2 else "low"


def _review_tag(item: QueueItem, person: str) -> tuple[str, str]:
    if item.is_blocked:
        return "blocked", "red"
    if item.status is ReviewStatus.AWAITING_SECOND:
        waits = " · by you" if person in item.approved_by else ""
        return f"{len(item.approved_by)} of {item.needed}{waits}", "violet"
    if item.snoozed_until is not None:
        return "snoozed", ""
    if item.assigned_to is not None:
        return ("yours" if item.assigned_to == person else f"for {item.assigned_to}"), "violet"
    if item.kind in _CAME_BACK:
        return ("take back?", "orange") if item.is_reversal else _CAME_BACK[item.kind]
    return ("two people", "") if item.needed > 1 else ("", "")
