"""The policy that gates new drafts, in words, and every version before it."""

import streamlit as st

from dashboard import session, words
from dashboard.components.threshold import level, limit
from dashboard.strangers import visible
from store import policies
from store.gate import PolicyBody
from store.money import Money
from store.past import ALL
from store.policies import PolicyVersion
from store.transitions import Outcome

_OUTCOMES = {Outcome.ESCALATE: "to a person", Outcome.BLOCK: "blocked"}


def version_panel(active: PolicyVersion) -> None:
    """Draw what is in force beside the table of versions."""
    rules, table = st.columns([40, 60], gap="medium")
    with rules.container(key="rules", gap="xsmall"):
        st.markdown(f"**Version {active.version} gates new drafts**")
        st.text(visible("\n".join(rule_lines(active.body))))
    with table:
        _versions()


def rule_lines(body: PolicyBody) -> list[str]:
    """Return what a policy says, a line for each rule. Pure."""
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
            f"{'' if kind == ALL else f' ({words.kind(kind)})'}"
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


def _versions() -> None:
    known = session.read(policies.versions)
    st.dataframe(
        {
            "no.": [version.version for version in known],
            "threshold": [level(version.body.threshold) for version in known],
            "why": [visible(version.note) for version in known],
            "published": [version.published_at for version in known],
            "by": [_people(version) for version in known],
            "state": [version.state for version in known],
        },
        hide_index=True,
        key="versions_table",
        column_config={
            "no.": st.column_config.NumberColumn(format="%d", width=40),
            "threshold": st.column_config.TextColumn(width=70),
            "published": st.column_config.DatetimeColumn(format="D MMM YYYY", width=95),
            "by": st.column_config.TextColumn(width=90),
            "state": st.column_config.TextColumn(width=80),
        },
        alt="Policy versions, proposed ones among them",
    )


def _people(version: PolicyVersion) -> str:
    second = f" and {version.approved_by}" if version.approved_by else ""
    return f"{version.author}{second}"
