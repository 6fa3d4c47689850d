"""Every version of the policy, and in words the one that gates new drafts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from dashboard import session, words
from dashboard.components.promise_panel import how_it_stands
from dashboard.components.threshold import level, limit
from dashboard.strangers import visible
from store import policies
from store.certificates import CertificateView
from store.gate import PolicyBody
from store.money import Money
from store.past import ALL
from store.policies import PolicyVersion
from store.transitions import Outcome

_OUTCOMES = {Outcome.ESCALATE: "to a person", Outcome.BLOCK: "blocked"}


def version_panel(active: PolicyVersion, made: Sequence[CertificateView]) -> None:
    """Draw the table of versions over what is in force; `made` are all promises ever certified."""
    now = session.now()
    _versions(made, now)
    states = {
        one.kind: how_it_stands(one, now) for one in made if one.policy_version == active.version
    }
    with st.container(key="rules", gap="xsmall"):
        st.markdown(f"**Version {active.version} gates new drafts**")
        if active.note:
            st.text(visible(f"{_people(active)}: {active.note}"))
        st.text(visible("\n".join(rule_lines(active.body, states))))


def rule_lines(body: PolicyBody, states: Mapping[str, str]) -> list[str]:
    """Return what a policy says, a line for each rule, promises with how they stand. Pure."""
    currency = body.currency
    return [
        f"Above confidence {level(body.threshold)} a draft may go out alone",
        *(
            f"{words.kind(kind).capitalize()} needs more than {level(value)}"
            for kind, value in body.thresholds.items()
        ),
        *(
            f"{words.kind(rule.kind).capitalize()} above {Money(rule.above_minor, currency)}:"
            f" {_OUTCOMES[rule.outcome]}"
            for rule in body.amount_rules
        ),
        *(f"{words.kind(kind).capitalize()}: always a person" for kind in body.always_person),
        f"At most {Money(body.daily_cap_minor, currency)} alone per customer and day",
        f"Above {Money(body.two_person_above_minor, currency)} two people must approve",
        *_windows(body),
        f"{words.percent(body.audit_rate)} of all drafts are audited blind",
        *(
            f"Promised: at most {limit(promise.max_error)} wrong"
            f"{_of(kind)}: {states.get(kind, 'not certified')}"
            for kind, promise in body.promises.items()
        ),
        *(["To loosen any of this takes two managers"] if body.needs_second_manager else []),
    ]


def _windows(body: PolicyBody) -> list[str]:
    undo = [
        f"{words.kind(kind).capitalize()}: {words.age(seconds)} to undo a decision"
        for kind, seconds in body.undo_seconds.items()
    ]
    alone = [
        f"{words.kind(kind).capitalize()}: waits {words.age(seconds)} before it goes out alone"
        for kind, seconds in body.delay_seconds.items()
    ]
    return undo + alone


def _versions(made: Sequence[CertificateView], now: datetime) -> None:
    known = session.read(policies.versions)
    st.dataframe(
        {
            "no.": [version.version for version in known],
            "threshold": [level(version.body.threshold) for version in known],
            "state": [version.state for version in known],
            "by": [visible(_people(version)) for version in known],
            "published": [version.published_at for version in known],
            "promised": [visible(_promised(version, made, now)) for version in known],
            "why": [visible(version.note) for version in known],
        },
        hide_index=True,
        key="versions_table",
        column_config={
            "no.": st.column_config.NumberColumn(format="%d", width=40),
            "threshold": st.column_config.TextColumn(width=75),
            "state": st.column_config.TextColumn(width=80),
            "by": st.column_config.TextColumn(width=110),
            "published": st.column_config.DatetimeColumn(format="D MMM YYYY", width=100),
            "promised": st.column_config.TextColumn(width=190),
            "why": st.column_config.TextColumn(width=270),
        },
        alt="Policy versions, proposed ones among them",
    )


def _promised(version: PolicyVersion, made: Sequence[CertificateView], now: datetime) -> str:
    return ", ".join(
        f"{limit(one.promise.max_error)}{_of(one.kind)} {how_it_stands(one, now)}"
        for one in made
        if one.policy_version == version.version
    )


def _of(kind: str) -> str:
    return "" if kind == ALL else f" ({words.kind(kind)})"


def _people(version: PolicyVersion) -> str:
    second = f" and {version.approved_by}" if version.approved_by else ""
    return f"{version.author}{second}"
