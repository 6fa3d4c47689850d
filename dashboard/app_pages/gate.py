"""The gate: the active policy, what another threshold would have done, and publishing it.

Nothing here touches a waiting card: each keeps the policy it was escalated under.
"""

from datetime import datetime, timedelta

import streamlit as st

from dashboard import identity, session, steering, words
from dashboard.components.hold_panel import hold_panel
from dashboard.components.notice import notice
from dashboard.components.proposal_panel import change_lines, proposal_panel, who_must_agree
from dashboard.components.threshold import threshold
from dashboard.strangers import visible
from store import policies, registry
from store.gate import PolicyBody
from store.loosening import changes
from store.money import Money
from store.policies import PolicyVersion
from store.reports import policy as history
from store.reports.policy import Flip, Preview
from store.transitions import Outcome

DAYS = 28
NOTE = "policy_note"
_OUTCOMES = {Outcome.PASS: "sent alone", Outcome.ESCALATE: "person", Outcome.BLOCK: "blocked"}


def page() -> None:
    """Draw the page."""
    active = session.read(policies.active)
    st.subheader("What goes out alone")
    notice(session.now(), place="gate")
    hold_panel(session.now())
    proposal_panel(active, _seen)
    left, right = st.columns([62, 38], gap="medium")
    with left:
        body, seen = _candidate(active)
        _consequences(active.body, body, seen)
    with right:
        _publish(active, body)
        _rules(active)
        _versions()


@st.cache_data(ttl=30, show_spinner=False, max_entries=32)
def _preview(url: str, body: str, since: datetime) -> Preview:  # noqa: ARG001 - cache key
    return session.read(history.preview, PolicyBody.model_validate_json(body), since=since)


def _seen(body: PolicyBody) -> Preview:
    hour = session.now().replace(minute=0, second=0, microsecond=0)
    since = hour - timedelta(days=DAYS)
    return _preview(session.store().url, body.model_dump_json(), since)


def _candidate(active: PolicyVersion) -> tuple[PolicyBody, Preview]:
    with st.container(border=True, key="slider"):
        st.caption(
            f"On the drafts of the last {DAYS} days: drag to try another threshold. Nothing changes"
            " until a manager publishes."
        )
        base = _seen(active.body)
        if not base.gated:
            st.text("No draft has been gated yet, so there is no history to try a threshold on.")
            return active.body, base
        chosen = threshold(
            base.curve, active=active.body.threshold, key=f"threshold_{active.version}"
        )
    body = active.body.model_copy(update={"threshold": chosen})
    return body, _seen(body)


def _consequences(active: PolicyBody, body: PolicyBody, seen: Preview) -> None:
    if not seen.gated:
        return
    moved = body.threshold != active.threshold
    with st.container(border=True, key="flips"):
        st.markdown("**Past cases that would have gone the other way**")
        if moved:
            st.text(
                f"{words.count(seen.flips_to_automatic)} would have gone out alone,"
                f" {words.count(seen.flips_to_person)} to a person."
            )
        if seen.flips:
            _flips(seen.flips)
        else:
            st.text("None." if moved else "None: the slider stands on the active policy.")


def _flips(flips: tuple[Flip, ...]) -> None:
    st.dataframe(
        {
            "run": [flip.run_id for flip in flips],
            "case": [visible(flip.title) for flip in flips],
            "action": [flip.action_kind.replace("_", " ") for flip in flips],
            "money": [words.money(flip.amount_minor, flip.currency) for flip in flips],
            "confidence": [flip.confidence for flip in flips],
            "now": [_OUTCOMES[flip.now] for flip in flips],
            "then": [_OUTCOMES[flip.then] for flip in flips],
            "was it right": [_rightness(flip.is_right) for flip in flips],
        },
        hide_index=True,
        height=280,
        key="flips_table",
        column_config={
            "confidence": st.column_config.NumberColumn(format="%.2f", width="small"),
            "run": st.column_config.NumberColumn(format="%d", width="small"),
        },
        alt="Past cases that the candidate policy would have treated otherwise",
    )


def _publish(active: PolicyVersion, body: PolicyBody) -> None:
    may_publish = identity.is_managing()
    found = changes(active.body, body)
    is_proposed = active.body.needs_second_manager and any(one.is_looser for one in found)
    with st.container(border=True, key="publish"):
        st.markdown("**Propose a new version**" if is_proposed else "**Publish a new version**")
        st.text(change_lines(found) or "Move the slider to a new threshold first.")
        if is_proposed and may_publish:
            st.text(who_must_agree(identity.me()))
        st.text_input(
            "Why", key=NOTE, placeholder="One line for the record", disabled=not may_publish
        )
        st.button(
            "Propose" if is_proposed else "Publish",
            key=f"publish_{active.version}_{body.threshold:.2f}",
            type="primary",
            disabled=not (may_publish and found),
            on_click=steering.publish,
            args=(body, NOTE),
        )
        if not may_publish:
            st.text(f"Publishing needs a manager; you act as {identity.role() or 'nobody'}.")
        st.caption("Applies to new drafts. Cards that wait keep the policy they were stopped by.")


def _rules(active: PolicyVersion) -> None:
    body = active.body
    company = session.read(registry.company)
    currency = company.currency if company else body.currency
    lines = [f"Above confidence {body.threshold:.2f} a draft may go out alone"]
    lines += [
        f"{kind.replace('_', ' ').capitalize()} needs more than {value:.2f}"
        for kind, value in body.thresholds.items()
    ]
    lines += [
        f"{rule.kind.replace('_', ' ').capitalize()} above {Money(rule.above_minor, currency)}:"
        f" {_OUTCOMES[rule.outcome]}"
        for rule in body.amount_rules
    ]
    lines += [
        f"{kind.replace('_', ' ').capitalize()}: always a person" for kind in body.always_person
    ]
    lines += [
        f"At most {Money(body.daily_cap_minor, currency)} alone per customer and day",
        f"Above {Money(body.two_person_above_minor, currency)} two people must approve",
        *_windows(body),
        f"{words.percent(body.audit_rate)} of all drafts are audited blind",
        *(["To loosen any of this takes two managers"] if body.needs_second_manager else []),
    ]
    with st.container(border=True, key="rules", gap="xsmall"):
        st.markdown(f"**Version {active.version} gates new drafts**")
        st.text("\n".join(lines))


def _windows(body: PolicyBody) -> list[str]:
    """Return how long each kind waits, where the policy says so."""
    undo = [
        f"{words.kind(kind).capitalize()}: {words.age(seconds)} to undo a decision"
        for kind, seconds in body.undo_seconds.items()
    ]
    alone = [
        f"{words.kind(kind).capitalize()}: waits {words.age(seconds)} before it goes out alone"
        for kind, seconds in body.delay_seconds.items()
    ]
    return undo + alone


def _versions() -> None:
    known = session.read(policies.versions)
    with st.container(border=True, key="versions"):
        st.markdown("**Versions**")
        st.dataframe(
            {
                "no.": [version.version for version in known],
                "threshold": [version.body.threshold for version in known],
                "why": [visible(version.note) for version in known],
                "published": [version.published_at for version in known],
                "by": [_people(version) for version in known],
                "state": [version.state for version in known],
            },
            hide_index=True,
            key="versions_table",
            column_config={
                "no.": st.column_config.NumberColumn(format="%d", width=40),
                "threshold": st.column_config.NumberColumn(format="%.2f", width=70),
                "why": st.column_config.TextColumn(width=110),
                "published": st.column_config.DatetimeColumn(format="D MMM YYYY", width=95),
                "by": st.column_config.TextColumn(width=90),
                "state": st.column_config.TextColumn(width=80),
            },
            alt="Policy versions, proposed ones among them",
        )


def _people(version: PolicyVersion) -> str:
    second = f" and {version.approved_by}" if version.approved_by else ""
    return f"{version.author}{second}"


def _rightness(is_right: bool | None) -> str:
    if is_right is None:
        return words.UNKNOWN
    return "right" if is_right else "wrong"
