"""How figures and times are said on every page. Pure; a rate never stands without its n."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from store import certificates
from store.actions import in_words
from store.certificates import ALL, CertificateView
from store.holds import HoldView
from store.money import Money
from store.transitions import SlaStage, Verdict

FEW = 30  # below this many labels a rate would mislead: only the counts are shown
UNKNOWN = "unknown"
_VERDICTS = {
    Verdict.APPROVE: "{who} approved this",
    Verdict.EDIT: "{who} sent this with an edit",
    Verdict.REJECT: "{who} rejected this",
    Verdict.RIGHT: "{who} judged this right",
    Verdict.WRONG: "{who} judged this wrong",
    Verdict.HAPPENED: "{who} said that this happened",
    Verdict.SEND_AGAIN: "{who} had this sent again",
    Verdict.REVERSE: "{who} had this taken back",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^])")


def label(text: str) -> str:
    """Return the text so that a widget label, which is Markdown, shows it literally."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def age(seconds: float | None) -> str:
    """Return a waiting time in at most two units: `42 s`, `5 min`, `3 h 12 min`, `2 d 4 h`."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if whole < 60:
        return f"{whole} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def money(amount_minor: int | None, currency: str | None) -> str:
    """Return the amount as it reads, or nothing where no money is involved."""
    if amount_minor is None or currency is None:
        return ""
    return str(Money(amount_minor, currency))


def moment(at: datetime | None) -> str:
    """Return a UTC time to the second."""
    return "–" if at is None else f"{at.astimezone(UTC):%d %b %Y %H:%M:%S} UTC"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a percentage, or `unknown`."""
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def span(low: float | None, high: float | None) -> str:
    """Return a 95 % range such as `81.0–90.2 %`, or nothing."""
    if low is None or high is None:
        return ""
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def count(number: int) -> str:
    """Return a count with thin thousands separators."""
    return f"{number:,}".replace(",", "\u202f")


def rate(good: int, n: int, value: float | None, low: float | None, high: float | None) -> str:
    """Return a rate with range and n; counts alone below 30 labels; `unknown` without any."""
    if n == 0 or value is None:
        return UNKNOWN
    if n < FEW:
        return f"{good} of {n}"
    return f"{percent(value)} ({span(low, high)}, n = {count(n)})"


def duration(milliseconds: float | None) -> str:
    """Return a latency: `184 ms`, `2.3 s`."""
    if milliseconds is None:
        return "–"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def kind(name: str | None) -> str:
    """Return an action kind as it is read; None stands for every one."""
    if name is None:
        return "everything"
    return in_words(name)


def clock(at: datetime, now: datetime) -> str:
    """Return a UTC time of day, with the day where it is another one than today."""
    day = "" if at.astimezone(UTC).date() == now.astimezone(UTC).date() else f"{at:%d %b} "
    return f"{day}{at.astimezone(UTC):%H:%M}"


def days(first: date, last: date) -> str:
    """Return the days of a period: `9 Nov`, `9–15 Nov`, `28 Oct – 3 Nov`."""
    if first == last:
        return f"{last.day} {last:%b}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%b}"
    year = f" {first.year}" if first.year != last.year else ""
    return f"{first.day} {first:%b}{year} – {last.day} {last:%b}"


def short(text: str, most: int = 18) -> str:
    """Return the text, cut where there is no room for all of it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def points(difference: float) -> str:
    """Return a difference of rates in percentage points, with its sign: `+4.7 pp`."""
    return f"{100 * difference:+z.1f} pp".replace("-", "\u2212")


def on_hold(held: Sequence[HoldView], now: datetime) -> str:
    """Return the line that every page shows while a hold is in force, nothing otherwise."""
    if not held:
        return ""
    return " ".join([*(_hold(hold, now) for hold in held), "What people approve still goes out."])


def _hold(hold: HoldView, now: datetime) -> str:
    what = "All automatic delivery is on hold"
    if hold.kind is not None:
        what = f"Automatic delivery is on hold ({kind(hold.kind)})"
    note = f": {hold.note.rstrip(' .')}" if hold.note else ""
    return f"{what} since {clock(hold.since, now)} UTC by {hold.person}{note}."


def stopped(one: CertificateView, now: datetime) -> str:
    """Return the line that every page shows while a promise is suspended."""
    about = "" if one.kind == ALL else f" ({kind(one.kind)})"
    since = f" since {clock(one.moved_at, now)} UTC" if one.moved_at else ""
    promise = certificates.promised(one)
    return (
        f"Every draft{about} goes to a person{since}: {promise[:1].lower()}{promise[1:]} no longer"
        " holds. A manager reopens it on the Gate page."
    )


def hold_changed(name: str | None, *, is_held: bool) -> str:
    """Return what holding, or letting go on, means from this moment."""
    what = "Automatic delivery" if name is None else f"Automatic delivery ({kind(name)})"
    if is_held:
        return f"{what} is on hold. What people approve still goes out."
    return f"{what} goes on. What waited for it goes out now, unless another hold stops it."


def exact(value: object) -> str:
    """Return an argument as it is sent: text as it stands, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plain(message: str) -> str:
    """Return a stored message without the marks around names, which nothing here renders."""
    return message.replace("`", "")


def in_doubt(message: str) -> str:
    """Return why nobody knows what became of a delivery, without what stands beside it anyway."""
    return plain((message.partition("happened: ")[2] or message).partition("; the look-up ")[0])


def decided(who: str, verdict: Verdict) -> str:
    """Return who said what of a card, as in `Ben rejected this`."""
    return _VERDICTS[verdict].format(who=who)


def due(due_at: datetime | None, stage: SlaStage, now: datetime) -> tuple[str, str]:
    """Return what the clock of a waiting card says, and its tone: "" or "bad"."""
    if due_at is None:
        return "", ""
    if stage is SlaStage.HELD:
        return "held: a manager decides", "bad"
    left = (due_at - now).total_seconds()
    return (f"due in {about(left)}", "") if left >= 0 else (f"overdue {about(-left)}", "bad")


def about(seconds: float) -> str:
    """Return a time in its largest unit: `40 s`, `5 min`, `3 h`, `2 d`."""
    whole = int(seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"
