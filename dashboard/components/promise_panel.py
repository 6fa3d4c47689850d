"""What can be promised of automatic actions, and how the promises that were made stand.

A promise is certified on the drafts that the audit coin drew, or there is an honest abstention with
what it would take. A broken one is reopened by managers, after one question in place.
"""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import identity, session, steering, words
from dashboard.actions import drop_question
from dashboard.components.threshold import level, limit
from dashboard.strangers import visible
from dashboard.trying import LIMITS, Tried
from store import certificates, promises
from store.certificates import CertificateView
from store.gate import PolicyBody
from store.past import ALL
from store.policies import PolicyVersion
from store.promises import Watched
from store.reports.recommending import Recommendation
from store.transitions import CertificateMove

NOTE = "reopen_note"
_LIMITS = {limit(share): share for share in LIMITS}
_USUAL = limit(0.02)
_MOVES = {
    CertificateMove.SUSPENDED: "suspended",
    CertificateMove.REOPENED: "broken, reopened",
    CertificateMove.LAPSED: "lapsed",
    CertificateMove.WITHDRAWN: "withdrawn",
}


def promise_choice(body: PolicyBody, kind: str) -> float:
    """Draw the choice of how many wrong are promised at most; return it as a share."""
    made = body.promises.get(kind)
    usual = next((name for name, share in _LIMITS.items() if made and share == made.max_error), "")
    st.markdown(
        "**Promise:** wrong at most",
        help="Of what goes out alone, at most this share is wrong, with 95 % assurance: exact"
        " binomial tests in a fixed sequence (Learn-then-Test) on audited drafts.",
    )
    chosen = st.segmented_control(
        "At most this share wrong",
        list(_LIMITS),
        default=usual or _USUAL,
        required=True,
        key="limit",
        label_visibility="collapsed",
        bind="query-params",
    )
    return _LIMITS[chosen or _USUAL]


def recommended(found: Recommendation, value: float, tried: Tried) -> None:
    """Draw the certified threshold with a button that goes there, or why there is none."""
    best = found.certified
    if tried.points and not tried.points[0].automatic:
        st.text("Under these rules nothing goes out alone, so there is nothing to promise.")
        return
    if found.threshold is None:
        st.markdown(f"### {_abstention(found)}")
    else:
        st.markdown(f"### :green[Certified above {level(found.threshold)}]")
    st.text(found.reason)
    if found.judged:
        tested = ""
        if found.threshold is None:
            tested = f" Tested from {level(best.start)}: {best.wrong} wrong of {best.sent} there."
        st.caption(
            f"Audit sample: {words.count(found.drawn)} drafts drawn, {words.count(found.judged)}"
            f" judged{_days(found)}.{tested}"
        )
    known = {point.threshold for point in tried.points}
    if found.threshold is not None and found.threshold in known:
        st.button(
            f"Move the slider to {level(found.threshold)}",
            key=f"take_certified_{found.kind}",
            disabled=found.threshold == value,
            on_click=steering.move_threshold,
            args=(found.kind, found.threshold),
        )


def _abstention(found: Recommendation) -> str:
    if found.rate is None:
        return "Cannot be known"
    if found.labels_needed is None:
        return "Not at this error rate"
    return "Not certified yet"


def _days(found: Recommendation) -> str:
    if found.since is None or found.until is None:
        return ""
    return f", {words.days(found.since.date(), found.until.date())}"


def standing(made: Sequence[CertificateView]) -> frozenset[str]:
    """Return the kinds whose promise holds. Pure."""
    return frozenset(one.kind for one in made if one.is_standing)


def suspended(made: Sequence[CertificateView]) -> frozenset[str]:
    """Return the kinds of which every draft goes to a person. Pure."""
    return frozenset(one.kind for one in made if one.is_suspended)


def how_it_stands(one: CertificateView, now: datetime) -> str:
    """Return what became of a promise: `holds`, `suspended on 23 Nov 04:58`. Pure."""
    if one.move is None or one.moved_at is None:
        return "holds"
    at = words.clock(one.moved_at, now)
    return f"{_MOVES[one.move]} {'at' if ' ' not in at else 'on'} {at}"


def suspended_promises(made: Sequence[CertificateView], now: datetime) -> None:
    """Draw each broken promise in red, for managers with a way to reopen."""
    with st.container(key="suspended", gap="small"):
        for one in made:
            if one.is_suspended:
                with st.container(border=True, key=f"suspended_{one.id}", gap="small"):
                    _suspended(one, now)


def _suspended(one: CertificateView, now: datetime) -> None:
    about = "" if one.kind == ALL else f" ({words.kind(one.kind)})"
    since = words.clock(one.moved_at, now) if one.moved_at else ""
    st.markdown(f":red[**Suspended: {words.label(certificates.promised(one).lower())}**]")
    st.text(
        visible(
            f"Since {since} UTC: {one.why}. Every draft{about} goes to a person until a manager"
            " reopens it."
        )
    )
    if not identity.is_managing():
        return
    if not session.is_asked(("reopen", one.id)):
        st.button(
            "Reopen…",
            key=f"reopen_{one.id}",
            on_click=steering.ask_reopen,
            args=(one.id,),
        )
        return
    st.text(
        "Reopen? Drafts of this kind go out alone again wherever the policy lets them. The promise"
        " stays broken: a new one is made by publishing."
    )
    st.text_input("Why", key=NOTE, placeholder="One line for the record", max_chars=200)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Yes, reopen it",
            key="confirm_reopen",
            type="primary",
            on_click=steering.reopen,
            args=(one.id, NOTE),
        )
        st.button("Back", key="back_reopen", shortcut="Esc", on_click=drop_question)


def standing_promises(
    active: PolicyVersion, made: Sequence[CertificateView], now: datetime
) -> None:
    """Draw each promise that holds, with the audits since, and those in force that do not."""
    for one in session.read(promises.watched):
        st.text(_standing(one, now))
    for lost in made:
        if lost.policy_version == active.version and not lost.is_standing:
            st.text(visible(_lost(lost, now)))


def _lost(one: CertificateView, now: datetime) -> str:
    said = f"Promised no more: {_promise(one)}, {how_it_stands(one, now)} UTC"
    if one.is_suspended:
        return f"{said}."
    by = f" by {one.person}" if one.person else ""
    note = f": {one.why.rstrip(' .')}" if one.why else ""
    return f"{said}{by}{note}. To promise it again, tick it and publish."


def _promise(one: CertificateView) -> str:
    about = "" if one.kind == ALL else f" ({words.kind(one.kind)})"
    return f"at most {limit(one.promise.max_error)} wrong{about}"


def _standing(one: Watched, now: datetime) -> str:
    made = one.certificate
    since = words.clock(made.issued_at, now)
    return (
        f"Promised: {_promise(made)}, holds since {since} UTC. {one.wrong} wrong of"
        f" {words.count(one.audited)} audits since."
    )
