"""The queue: what waits, most urgent first, and one card to decide on."""

import streamlit as st

from dashboard import actions, identity, session, words
from dashboard.components.decision_form import decision_form
from dashboard.components.draft_view import draft_view
from dashboard.components.evidence import evidence
from dashboard.components.notice import notice
from dashboard.components.queue_list import queue_list, review_row
from dashboard.components.tiles import Live, tiles
from dashboard.live import PATH, queue_tiles
from store import registry
from store.reports import card as cards
from store.reports import queue as queues
from store.reports.wanted import Wanted
from store.transitions import BLIND, ReviewKind

PAGE = 50
TABS = ("Escalations", "Audits")
AUDITS = BLIND
KINDS = {"Audits": AUDITS, "Escalations": frozenset(ReviewKind) - AUDITS}


def page() -> None:
    """Draw the page."""
    workspace()


@st.fragment
def workspace() -> None:
    """Figures, list, card and evidence: one fragment, so a decision redraws only this."""
    above = st.container(key="above")
    left, middle, right = st.columns([27, 43, 30], gap="medium")
    with left:
        opened = _list()
    with above:  # after the list, which the live figures are compared with
        _figures()
    if opened is None:
        with middle:
            notice(session.now(), place="queue")
            _nothing_waits()
        return
    now, me = session.now(), identity.me()
    card = session.read(cards.card, opened)
    company = session.read(registry.company)
    assert company is not None
    shown = actions.Card(
        review_id=card.review_id,
        revision=card.draft.revision,
        digest=card.draft.digest,
        decision_id=session.card_shown(card.review_id, card.draft.revision, me, now),
        reply=card.draft.reply,
        args=card.draft.action.args,
        title=card.title,
    )
    with middle:
        notice(now, place="queue")
        draft_view(card, currency=company.currency, person=me, now=now)
        reasons = {reason["code"]: reason["title"] for reason in company.reject_reasons}
        decision_form(card, shown, reasons)
    with right:
        evidence(card)


def _figures() -> None:
    found = session.read(queues.tiles, now=session.now())
    tab, search = session.typed("tab") or TABS[0], session.typed("search")
    live = Live(PATH, tab, listed=session.listed(), is_filtered=bool(search))
    tiles(queue_tiles(found), key="tiles", live=live)


def _list() -> int | None:
    st.segmented_control(
        "Which cards",
        TABS,
        default=TABS[0],
        required=True,
        key="tab",
        label_visibility="collapsed",
        width="stretch",
        bind="query-params",
    )
    search = st.text_input(
        "Search",
        key="search",
        type="search",
        placeholder="Title, ticket or customer",
        label_visibility="collapsed",
        bind="query-params",
    )
    tab, number = session.typed("tab") or TABS[0], session.typed("list_page") or 1
    found = session.read(
        queues.queue_page,
        Wanted(kinds=KINDS[tab], search=search or ""),
        person=identity.me(),
        now=session.now(),
        limit=PAGE,
        offset=PAGE * (number - 1),
    )
    me = identity.me()
    approved = [item.review_id for item in found.items if me in item.approved_by]
    opened = session.current([item.review_id for item in found.items], approved)
    session.note_listed(found.total)
    empty = "Nothing matches this search." if search else "Nothing waits here."
    queue_list(
        [review_row(item, me) for item in found.items],
        opened,
        key="queue_list",
        empty=empty,
        on_open=actions.open_card,
    )
    pages = -(-found.total // PAGE)
    with st.container(key="pages", horizontal=True, vertical_alignment="center"):
        if pages > 1:
            st.pagination(pages, key="list_page", max_visible_pages=5)
        st.caption(f"{words.count(found.total)} waiting · J and K move, E edits")
    return opened


def _nothing_waits() -> None:
    with st.container(border=True):
        st.subheader("Nothing waits for you")
        st.text(
            "Drafts that the gate does not let out alone come here, the most urgent first."
            " New ones appear by themselves."
        )
