"""Audit: who did what when, whether anybody changed it since, and one case's whole story."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import streamlit as st

from dashboard import session, words
from dashboard.components.audit_log import audit_log, story_line
from dashboard.components.audit_status import audit_status
from dashboard.strangers import visible, visible_json
from store.engine import Store
from store.errors import NotFound
from store.export import csv_lines
from store.reports import audit as trail
from store.reports.audit import Entry, EntryPage, Wanted
from store.reports.audit_words import parsed
from store.reports.story import story

PAGE = 50
MOST_DOWNLOADED = 10_000
ANYTHING, ANYBODY, ANY_TIME, DAYS = "anything", "anybody", "any time", "certain days"
PERIODS = {
    "last hour": timedelta(hours=1),
    "last 24 hours": timedelta(days=1),
    "last 7 days": timedelta(days=7),
    "last 30 days": timedelta(days=30),
}
_NEWER = "audit_newer"  # where the pages before this one began
_BOM = "\ufeff"  # without it spreadsheets take UTF-8 for something else


def page() -> None:
    """Draw the page."""
    newest = session.read(trail.last_seq)
    audit_status(newest)
    wanted = _filters()
    before = _number("before")
    found = session.read(trail.find, wanted, before=before, limit=PAGE)
    run, entry = _number("run"), _number("entry")
    if run is None and entry is None:
        _entries(found, wanted, newest)
        return
    with st.container(key="audit_panes"):
        left, right = st.columns([56, 44], gap="medium")
        with left:
            _entries(found, wanted, newest)
        with right.container(border=True, key="audit_case", gap="xsmall"):
            _case(run, entry)


def _filters() -> Wanted:
    with st.container(key="audit_filters", horizontal=True, gap="small"):
        text = st.text_input(
            "Search",
            key="audit_search",
            type="search",
            placeholder="Run, ticket, customer, person or words",
            label_visibility="collapsed",
            bind="query-params",
            on_change=_from_newest,
        )
        family = _choice("What", ANYTHING, session.read(trail.families), "audit_family", 175)
        actor = _choice("Who", ANYBODY, session.read(trail.actors), "audit_actor", 155)
        period = _choice("When", ANY_TIME, (*PERIODS, DAYS), "audit_period", 150)
        since, until = _period(period)
    return Wanted(
        text=text or "",
        family=None if family == ANYTHING else family,
        actor=None if actor == ANYBODY else actor,
        since=since,
        until=until,
    )


def _choice(label: str, none: str, options: tuple[str, ...], key: str, width: int) -> str:
    return (
        st.selectbox(
            label,
            [none, *options],
            format_func=visible,
            key=key,
            label_visibility="collapsed",
            bind="query-params",
            on_change=_from_newest,
            width=width,
        )
        or none
    )


def _period(period: str) -> tuple[datetime | None, datetime | None]:
    now = session.now()
    if period in PERIODS:
        return now - PERIODS[period], None
    if period != DAYS:
        return None, None
    today = now.date()
    days = st.date_input(
        "Days (UTC)",
        value=(today - timedelta(days=6), today),
        key="audit_days",
        label_visibility="collapsed",
        bind="query-params",
        on_change=_from_newest,
        width=230,
    )
    chosen = days if isinstance(days, tuple) else (days,)
    if not chosen:
        return None, None
    return _midnight(chosen[0]), _midnight(chosen[-1] + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _entries(found: EntryPage, wanted: Wanted, newest: int) -> None:
    audit_log(
        found.items,
        _number("entry"),
        empty="No entry fits." if newest else "Nothing is recorded yet.",
        on_open=_open,
    )
    with st.container(key="audit_pages", horizontal=True, vertical_alignment="center", gap="small"):
        _paging(found, wanted, newest)


def _paging(found: EntryPage, wanted: Wanted, newest: int) -> None:
    before = _number("before")
    if before is not None:
        st.button("Newer", key="audit_to_newer", on_click=_to_newer)
    if found.older is not None:
        is_cut = found.searched_to is not None
        label = "Search further back" if is_cut else "Older"
        st.button(label, key="audit_to_older", on_click=_to_older, args=(found.older,))
    st.caption(_extent(found, newest))
    _download(wanted, newest)


def _extent(found: EntryPage, newest: int) -> str:
    if found.searched_to is not None:
        reach = f"searched back to entry {words.count(found.searched_to)}"
        return f"{len(found.items)} found; {reach} of {words.count(newest)}. Times are UTC."
    if not found.items:
        return "Times are UTC."
    first, last = found.items[-1].seq, found.items[0].seq
    shown = f"{words.count(first)} to {words.count(last)}" if first != last else words.count(first)
    return f"Entries {shown} of {words.count(newest)}, newest first. Times are UTC."


def _download(wanted: Wanted, newest: int) -> None:
    count = session.read(trail.count, wanted, at_most=MOST_DOWNLOADED)
    content = partial(as_csv, session.store(), wanted, before=newest + 1)
    is_cut = count == MOST_DOWNLOADED
    number = f"the newest {words.count(count)}" if is_cut else words.count(count)
    st.download_button(
        f"Download {number} as CSV",
        content,
        file_name="greenlight-audit.csv",
        mime="text/csv",
        key="audit_download",
        disabled=not count,
        on_click="ignore",
        help="Safe to open in a spreadsheet. `greenlight audit export` writes all of them.",
    )


def as_csv(store: Store, wanted: Wanted, *, before: int) -> bytes:
    """Return what is wanted as a file for a spreadsheet; runs when the button is pressed."""
    chosen = store.read(trail.find, wanted, before=before, limit=MOST_DOWNLOADED)
    return (_BOM + "".join(csv_lines(chosen.items))).encode()


def _case(run: int | None, seq: int | None) -> None:
    entry = _entry(seq)
    with st.container(horizontal=True, vertical_alignment="center", key="audit_case_head"):
        st.subheader(f"Run {run}" if run is not None else f"Entry {seq}", anchor=False)
        st.button("Close", key="audit_close", on_click=_close, type="tertiary")
    if run is not None:
        _story(run, seq)
    elif entry is None:
        st.text(f"There is no entry {seq}.")
    if entry is not None:
        with st.expander(f"Entry {entry.seq} as stored", expanded=run is None, key="audit_stored"):
            _stored(entry)


def _story(run: int, seq: int | None) -> None:
    try:
        told = session.read(story, run)
    except NotFound as error:
        st.text(str(error))
        return
    facts = (told.external_id, told.customer_id or "", told.status.replace("_", " "))
    st.text(visible(" · ".join(fact for fact in facts if fact)))
    story_line(told.moments, seq)


def _stored(entry: Entry) -> None:
    told = f"{entry.tag} · {entry.subject} · {entry.actor} · {words.moment(entry.at)}"
    st.text(visible(told))
    st.json(visible_json(parsed(entry.body)), expanded=2)
    st.caption(f"seal {words.label(entry.hash)}, after {words.label(entry.prev_hash)}")


def _entry(seq: int | None) -> Entry | None:
    if seq is None:
        return None
    found = session.read(trail.find, Wanted(), before=seq + 1, limit=1).items
    return found[0] if found and found[0].seq == seq else None


def _number(name: str) -> int | None:
    """Return a whole number from the page's address; anything else counts as absent."""
    given = st.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def _open(seq: int) -> None:
    entry = _entry(seq)
    kind, _, number = (entry.subject if entry else "").partition(":")
    st.query_params.pop("run", None)
    if kind == "run" and number.isdigit():
        st.query_params["run"] = number
    st.query_params["entry"] = str(seq)


def _close() -> None:
    st.query_params.pop("run", None)
    st.query_params.pop("entry", None)


def _from_newest() -> None:
    st.query_params.pop("before", None)
    session.keep(_NEWER, [])


def _to_older(seq: int) -> None:
    session.keep(_NEWER, [*(session.typed(_NEWER) or []), _number("before")])
    st.query_params["before"] = str(seq)


def _to_newer() -> None:
    *earlier, began = session.typed(_NEWER) or [None]
    session.keep(_NEWER, earlier)
    if began is None:
        st.query_params.pop("before", None)
    else:
        st.query_params["before"] = str(began)
