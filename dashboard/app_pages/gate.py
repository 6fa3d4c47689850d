"""The gate: the active policy, what another one would have done, what can be promised, publishing.

Nothing here touches a waiting card: each keeps the policy it was escalated under.
"""

from collections.abc import Callable
from datetime import datetime

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from dashboard import session, steering, trying, words
from dashboard.components.audit_planner import planner
from dashboard.components.costs import costs
from dashboard.components.hold_panel import hold_panel
from dashboard.components.notice import notice
from dashboard.components.promise_panel import (
    promise_choice,
    recommended,
    standing,
    standing_promises,
    suspended,
    suspended_promises,
)
from dashboard.components.proposal_panel import proposal_panel
from dashboard.components.publish_panel import publish_panel
from dashboard.components.rules_editor import rules_editor
from dashboard.components.shadow_panel import shadow_panel
from dashboard.components.threshold import Shown, threshold
from dashboard.components.version_panel import version_panel
from dashboard.strangers import visible
from dashboard.trying import DAYS, Past, Tried
from store import certificates, policies
from store.gate import PolicyBody
from store.past import ALL
from store.policies import PolicyVersion
from store.reports.policy import Flip, with_threshold
from store.reports.recommending import Recommendation
from store.transitions import Outcome

KIND = "kind"
TABS = ("Past cases that change", "Rules and caps", "Audits", "Shadow policy", "Versions")
OUTCOMES = {Outcome.PASS: "sent alone", Outcome.ESCALATE: "person", Outcome.BLOCK: "blocked"}


def page() -> None:
    """Draw the page."""
    if session.is_arriving(KIND):
        session.read_at(anew=True)
        active = session.read(policies.active)
        _follow(active)
        session.tried(active.version).editing = None
    st.fragment(_live)()


def _live() -> None:
    """All of it; one fragment, so that a move of the slider draws nothing else again."""
    active, now = session.read(policies.active), session.now()
    made = session.read(certificates.certificates)
    _follow(active)
    kind, seen = _head(now)
    with st.container(gap="xxsmall", key="gate_news"):
        suspended_promises(made, now)
        proposal_panel(active, lambda body: _all_of(seen, active.body, body).trial)
    with st.container(key="gate_panes"):
        left, right = st.columns([66, 34], gap="small")
    slider = left.container(border=True, key="slider", gap="small")
    flips, rules, audits, shadow, versions = left.tabs(TABS, key="show", bind="query-params")
    body = _candidate(active, rules)
    value = body.thresholds.get(kind, body.threshold)
    was = active.body.thresholds.get(kind, active.body.threshold)
    with right.container(border=True, key="promise", gap="small"):
        share = promise_choice(body, kind)
        can_be = trying.promised(seen, body, kind)
        found = can_be.found[share]
        tried = trying.tried(seen, active.body, body, kind, was, value)
        recommended(found, value, tried)
        standing_promises(active, made, now)
    with right:
        publish_panel(active, body, can_be, found, value, standing(made))
        hold_panel(now, suspended(made))
    with slider:
        _slider(tried, found, was, body, suspended(made))
    panels: tuple[tuple[TabContainer, Callable[[], None]], ...] = (
        (flips, lambda: _flips(tried, value)),
        (audits, lambda: planner(tried, found, body, value)),
        (shadow, lambda: shadow_panel(active, body)),
        (versions, lambda: version_panel(active, made)),
    )
    for tab, draw in panels:
        if tab.open:  # the others are not even read
            with tab:
                draw()


def _head(now: datetime) -> tuple[str, Past]:
    with st.container(horizontal=True, vertical_alignment="center", key="gate_head"):
        st.subheader("What goes out alone", anchor=False, width="content")
        notice(now, place="gate")
        kind = st.selectbox(
            "Action",
            [ALL, *sorted(session.action_kinds())],
            format_func=lambda name: visible(_named(name)),
            key=KIND,
            bind="query-params",
            label_visibility="collapsed",
            width=230,
        )
        seen = trying.past_drafts()
        st.caption(
            f"{words.count(len(seen.history))} drafts of the last {DAYS} days, as of"
            f" {words.clock(seen.at, now)} UTC",
            width="content",
        )
        st.button("Refresh", key="refresh_past", type="tertiary", on_click=trying.read_again)
    return kind or ALL, seen


def _named(kind: str) -> str:
    return "Everything" if kind == ALL else words.kind(kind).capitalize()


def _follow(active: PolicyVersion) -> None:
    """Where another version came into force meanwhile, try on it what was tried on the last."""
    before = session.tried_before(active.version)
    if before is not None:
        last = session.read(policies.version, before.version).body
        steering.follow(steering.rebased(before, last, active), active)


def _candidate(active: PolicyVersion, tab: TabContainer) -> PolicyBody:
    """Return what is on screen: the rules, drawn where their tab is open, and the slider."""
    tried = session.tried(active.version)
    body = tried.edited or tried.loaded or active.body
    if not tab.open:
        tried.editing = None
    elif tried.editing is None:
        tried.editing, tried.openings = body, tried.openings + 1
    if tried.editing is not None:
        suffix = f"{active.version}_{tried.loads}_{tried.openings}"
        with tab:
            body = rules_editor(tried.editing, session.action_kinds(), suffix=suffix)
        tried.edited = body
    for kind, value in tried.moved.items():
        if value is not None:
            body = with_threshold(body, kind, value)
        else:
            rest = {name: own for name, own in body.thresholds.items() if name != kind}
            body = body.model_copy(update={"thresholds": rest})
    return body


def _all_of(seen: Past, active: PolicyBody, body: PolicyBody) -> Tried:
    return trying.tried(seen, active, body, ALL, body.threshold)


def _slider(
    tried: Tried, found: Recommendation, was: float, body: PolicyBody, stopped: frozenset[str]
) -> None:
    if not tried.trial.gated:
        st.text("No draft has been gated yet, so there is no history to try a threshold on.")
        return
    on_screen, kind = session.tried_now(), found.kind
    value = body.thresholds.get(kind, body.threshold)
    drawn = st.container()
    _own_threshold(body, kind)
    shown = Shown(tried, found, was, value, costs(body.currency), body.currency, stopped)

    def moved(to: float) -> None:
        on_screen.moved[kind] = to

    with drawn:
        key = f"threshold_{on_screen.version}_{on_screen.loads}_{kind}"
        threshold(shown, key=key, jumps=on_screen.jumps, moved=moved)


def _own_threshold(body: PolicyBody, kind: str) -> None:
    if kind == ALL:
        apart = ", ".join(words.kind(name) for name in body.thresholds)
        if apart:
            st.caption(f"With thresholds of their own, which this one does not move: {apart}.")
    elif kind in body.thresholds:
        st.button(
            f"Give {words.label(words.kind(kind))} the common threshold again",
            key=f"common_{kind}",
            type="tertiary",
            on_click=steering.move_threshold,
            args=(kind, None),
        )


def _flips(tried: Tried, value: float) -> None:
    at_each = zip(tried.points, tried.flips, strict=True)
    to_alone, to_person = next((n for point, n in at_each if point.threshold == value), (0, 0))
    if not to_alone + to_person:
        st.text("None: every past case would have gone the same way.")
        return
    found = trying.flipped(tried, value)
    right = sum(flip.is_right is True for flip in found)
    wrong = sum(flip.is_right is False for flip in found)
    newest = f"the {len(found)} newest" if len(found) < to_alone + to_person else "them"
    st.text(
        f"{words.count(to_alone)} would have gone out alone, {words.count(to_person)} to a person."
        f" Of {newest}, {right} were right and {wrong} wrong; nobody judged the others."
    )
    _table(found)


def _table(flips: tuple[Flip, ...]) -> None:
    st.dataframe(
        {
            "case": [visible(flip.title) for flip in flips],
            "action": [visible(words.kind(flip.action_kind)) for flip in flips],
            "money": [words.money(flip.amount_minor, flip.currency) for flip in flips],
            "confidence": [flip.confidence for flip in flips],
            "now": [OUTCOMES[flip.now] for flip in flips],
            "then": [OUTCOMES[flip.then] for flip in flips],
            "was it right": [_rightness(flip.is_right) for flip in flips],
            "run": [flip.run_id for flip in flips],
        },
        hide_index=True,
        height=320,
        key="flips_table",
        column_config={
            "case": st.column_config.TextColumn(width=280),
            "confidence": st.column_config.NumberColumn(format="%.3f", width="small"),
            "run": st.column_config.NumberColumn(format="%d", width="small"),
        },
        alt="Past cases that the candidate policy would have treated otherwise",
    )


def _rightness(is_right: bool | None) -> str:
    if is_right is None:
        return words.UNKNOWN
    return "right" if is_right else "wrong"
