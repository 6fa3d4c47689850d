"""The queue: what waits, most urgent first, and one card to decide on."""

from datetime import timedelta

import streamlit as st

from dashboard import batch, desk, identity, live, session, words
from dashboard.components import queue_list as lists
from dashboard.components.bulk_panel import bulk_panel
from dashboard.components.card import card_view
from dashboard.components.desk_line import desk_line
from dashboard.components.evidence import evidence
from dashboard.components.notice import notice
from dashboard.components.queue_filters import queue_filters
from dashboard.worklist import PAGE, Worklist
from store.errors import StoreUnavailable
from store.reports import card as cards
from store.schema import Company

LIST = "queue_list"
PATHS = {"queue": live.PATH, "claim": live.CLAIM_PATH, "release": live.RELEASE_PATH}


def page() -> None:
    """Draw the page."""
    if session.is_arriving(LIST):
        desk.arrive(session.address())
    with st.container(key="desk", gap="small"):
        _figures()
        workspace()


@st.fragment
def workspace() -> None:
    """List, card and evidence: one fragment, so a decision redraws only this."""
    try:
        _workspace()
    except StoreUnavailable as error:
        st.text(f"{error} Nothing was lost; reload the page to try again.")


def _workspace() -> None:
    company = session.company()
    work = desk.settle(company.currency)
    with st.container(key="panes"):
        left, middle, right = st.columns([25, 46, 29], gap="medium")
    with left:
        _list(work, company)
    with middle:
        notice(session.now(), place="queue")
    planned = session.batch()
    if planned is not None:
        with middle:
            bulk_panel(planned, company, is_filtered=work.filters.is_any, total=work.total)
        return
    if work.current is None:
        with middle:
            _nothing(work)
        return
    card = session.read(cards.card, work.current)
    with middle:
        card_view(card, company=company, now=session.now())
    with right:
        evidence(card)


def _figures() -> None:
    now, here = session.now(), timedelta(minutes=session.offset_minutes())
    midnight = (now - here).replace(hour=0, minute=0, second=0, microsecond=0) + here
    desk_line(live.figures(identity.me(), midnight, now), PATHS)


def _list(work: Worklist, company: Company) -> None:
    now, filters = session.now(), work.filters
    kinds = {kind: words.kind(kind).capitalize() for kind in session.action_kinds()}
    queue_filters(filters, live.waiting(), company, kinds, on_look=desk.look)
    rows = [
        lists.review_row(
            item, work.person, now=now, waited_s=work.age_s(now), passed=work.passed(item, now)
        )
        for item in work.items or ()
    ]
    opened = {} if work.current is None else {"review": str(work.current)}
    under = lists.Desk(
        me=work.person,
        address={**opened, **filters.query()},
        claimed=work.claimed,
        newest=work.newest,
        tab=filters.tab,
        said=_said(work),
        page=work.start // PAGE,
        pages=-(-work.total // PAGE),
        canClear=filters.is_any,
        canBatch=filters.tab == "escalations" and bool(rows),
    )
    lists.queue_list(
        rows,
        work.current,
        key=LIST,
        name="Waiting reviews, most urgent first",
        empty="Nothing matches." if filters.is_any else "Nothing waits here.",
        on_open=desk.open_card,
        desk=under,
        acts=lists.Acts(desk.show_new, desk.turn, desk.clear, batch.start),
    )


def _said(work: Worklist) -> str:
    if work.total <= PAGE:
        return "1 card" if work.total == 1 else f"{words.count(work.total)} cards"
    first = work.start + 1
    last = first + len(work.items or ()) - 1
    return f"{words.count(first)}–{words.count(last)} of {words.count(work.total)}"


def _nothing(work: Worklist) -> None:
    with st.container(key="nothing", border=True):
        st.subheader("Nothing matches" if work.filters.is_any else "Nothing waits for you")
        st.text(nothing(work))


def nothing(work: Worklist) -> str:
    """Return why no card is open, and what to do about it."""
    where = [why for item in work.items or () if (why := work.passed(item, session.now()))]
    if where:
        parts = [f"{where.count(why)} {why}" for why in dict.fromkeys(where)]
        return f"Of these cards, {', '.join(parts)}. Click one to look at it."
    if work.filters.is_any:
        return "No waiting card fits these filters. Clear them to see everything."
    return (
        "Drafts that the gate does not let out alone come here, the most urgent first."
        " New ones appear by themselves."
    )
