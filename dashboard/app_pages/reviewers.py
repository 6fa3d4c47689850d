"""Reviewers: how people review, for managers. Figures about a process, not a score of anybody."""

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from dashboard import identity, session, words
from dashboard.components.reviewer_panels import reviewer_panels, said
from dashboard.components.tiles import Tile, tiles
from store.reports import reviewers as measured
from store.reports.reviewers import Reviewer, ReviewerReport, Share, Team

PERIODS = {"7 days": 7, "28 days": 28, "90 days": 90}
USUAL = "28 days"
FRESH_SECONDS = 60


def page() -> None:
    """Draw the page for a manager; tell anybody else that it is not theirs."""
    if not identity.is_managing():
        st.subheader("Reviewers")
        st.text(f"This page is for managers; you act as {identity.role() or 'nobody'}.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Reviewers")
        st.segmented_control(
            "Period",
            list(PERIODS),
            default=USUAL,
            required=True,
            key="period",
            label_visibility="collapsed",
            bind="query-params",
        )
    period = str(session.typed("period") or USUAL)
    _draw(_report(session.store().url, PERIODS[period]), period)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False, max_entries=8)
def _report(url: str, days: int) -> ReviewerReport:  # noqa: ARG001 - cache key
    now = session.now()
    return session.read(measured.reviewers, since=now - timedelta(days=days), until=now)


def _draw(report: ReviewerReport, period: str) -> None:
    st.caption(
        "How reviewing goes, so that the process can be mended. It is no score of a person: cards"
        " differ, and few of them make a wide range."
    )
    if not report.people and not report.simulated:
        st.text(f"Nobody has decided anything in these {period}. The first decision fills this.")
        return
    if report.people:
        _group("people", "People", report.people, report.team)
    if report.simulated:
        _group("simulated", "Simulated reviewers (demo)", report.simulated, report.simulated_team)
    with st.expander("How this is counted"):
        st.text(COUNTED)


COUNTED = (
    "Cards are those approved, edited or rejected one by one; decisions that were undone later"
    " count too. Batches are counted apart: nobody looks at each of their cards.\n"
    "Wrong step named: of the cards rejected, or edited for more than their wording, those with"
    " their first wrong step.\n"
    "Wrong overturned: another person judges the wrong verdict of an audit again, blind, and finds"
    " the draft right. The two approvals of a two-person card are not independent, so they say"
    " nothing about agreement.\n"
    "Planted: cards that people once found wrong, put in the queue again. Missed means approved."
    " They are off unless the company switches them on, and nothing of them is ever delivered.\n"
    "Ranges are 95 % (Wilson). Below 30 only counts are shown."
)


def _group(key: str, title: str, people: Sequence[Reviewer], team: Team) -> None:
    with st.container(key=f"reviewers_{key}", gap="small"):
        st.markdown(f"**{title}**")
        tiles(_team_tiles(team), key=f"reviewers_tiles_{key}")
        reviewer_panels(people, key=f"reviewers_panels_{key}")


def _team_tiles(team: Team) -> tuple[Tile, ...]:
    return (
        Tile("Cards decided", words.count(team.cards)),
        _tile("Wrong step named", team.named),
        _tile("Wrong overturned", team.overturned),
        _tile("Planted missed", team.missed),
    )


def _tile(label: str, share: Share) -> Tile:
    """Counts first: a narrow screen leaves out the hint."""
    if share.rate is None:
        return Tile(label, words.UNKNOWN)
    counts = f"{words.count(share.part)} of {words.count(share.whole)}"
    return Tile(label, counts, said(share) if share.has_enough else "")
