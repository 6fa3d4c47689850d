"""The audit trail as a list keyed by entry, and one case's story as a line through time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dashboard import session
from dashboard.components.custom import register
from store.reports.audit import Entry
from store.reports.audit_words import about, detail, tone, wording
from store.reports.story import Moment

_LOG = register("audit_log")
_STORY = register("story")


def audit_log(
    entries: Sequence[Entry], current: int | None, *, empty: str, on_open: Callable[[int], None]
) -> None:
    """Draw the entries; `on_open` gets the sequence of the one that was clicked."""
    key = "audit_log"

    def opened() -> None:
        picked = session.sent(key, "open")
        if picked is not None:
            on_open(int(picked))

    data = {"items": [_row(entry) for entry in entries], "current": current, "empty": empty}
    _LOG(key=key, data=data, on_open_change=opened)


def story_line(moments: Sequence[Moment], current: int | None) -> None:
    """Draw a case's moments, oldest first; `current` is the entry that was clicked."""
    _STORY(key="story", data={"moments": [_moment(one) for one in moments], "current": current})


def _row(entry: Entry) -> dict[str, object]:
    return {
        "seq": entry.seq,
        "time": "no time" if entry.at is None else f"{entry.at:%d %b %Y %H:%M:%S}",
        "who": entry.actor,
        "what": wording(entry.tag),
        "about": about(entry.subject),
        "detail": detail(entry.body),
        "tone": tone(entry.tag),
        "tag": entry.tag,
    }


def _moment(moment: Moment) -> dict[str, object]:
    return {
        "seq": moment.seq,
        "day": _day(moment.at),
        "time": _time(moment.at),
        "who": moment.who,
        "what": moment.what,
        "lines": list(moment.lines),
        "words": moment.words,
        "tone": moment.tone,
        "warning": moment.warning,
    }


def _day(at: datetime | None) -> str:
    return "no readable time" if at is None else f"{at.astimezone(UTC):%A %d %B %Y}"


def _time(at: datetime | None) -> str:
    return "–" if at is None else f"{at.astimezone(UTC):%H:%M:%S}"
