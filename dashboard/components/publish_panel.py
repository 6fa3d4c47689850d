"""Publishing what is on screen: the diff, the reason, the promise, and who may."""

import streamlit as st

from dashboard import identity, session, steering
from dashboard.components.proposal_panel import change_lines, who_must_agree
from dashboard.components.threshold import is_certified, level, limit
from store.gate import PolicyBody, Promise
from store.loosening import changes
from store.policies import PolicyVersion
from store.reports.recommending import Recommendation

NOTE = "policy_note"


def publish_panel(
    active: PolicyVersion, body: PolicyBody, found: Recommendation, value: float
) -> None:
    """Draw the panel for a candidate whose slider stands at `value`."""
    may_publish = identity.is_managing()
    suffix = f"{active.version}_{session.tried(active.version).loads}"
    with st.container(border=True, key="publish", gap="small"):
        head = st.empty()
        diff = st.empty()
        body = _promised(body, found, value, suffix, may_publish=may_publish)
        changed = changes(active.body, body)
        needs_two = active.body.needs_second_manager and any(one.is_looser for one in changed)
        head.markdown("**Propose a new version**" if needs_two else "**Publish a new version**")
        diff.text(
            change_lines(changed) or "Nothing is changed yet: move the slider or edit a rule."
        )
        if needs_two and may_publish:
            st.text(who_must_agree(identity.me()))
        st.text_input(
            "Why",
            key=NOTE,
            placeholder="Why: one line for the record",
            label_visibility="collapsed",
            disabled=not may_publish,
        )
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Propose" if needs_two else "Publish",
                key=f"publish_{active.version}_{level(value)}",
                type="primary",
                disabled=not (may_publish and changed),
                on_click=steering.publish,
                args=(body, NOTE),
            )
            if changed:
                st.button(
                    "Start over",
                    key=f"start_over_{suffix}",
                    type="tertiary",
                    on_click=steering.load_candidate,
                    args=(None,),
                )
        if not may_publish:
            st.text(f"Publishing needs a manager; you act as {identity.role() or 'nobody'}.")
        st.caption("Applies to new drafts. Cards that wait keep the policy they were stopped by.")


def _promised(
    body: PolicyBody, found: Recommendation, value: float, suffix: str, *, may_publish: bool
) -> PolicyBody:
    """Draw the promise to make with it; return the policy with or without it."""
    holds, promise = is_certified(found, value), found.promise
    wanted = st.checkbox(
        f"Promise: at most {limit(promise.max_error)} wrong (watched; suspended when broken)",
        value=holds and found.kind in body.promises,
        disabled=not (holds and may_publish),
        key=f"promise_{suffix}_{found.kind}_{promise.max_error}_{holds}",
        help=None if holds else f"{level(value)} is not certified for this promise.",
    )
    promises = {kind: made for kind, made in body.promises.items() if kind != found.kind}
    if wanted and holds:
        promises[found.kind] = Promise(max_error=promise.max_error, assurance=promise.assurance)
    return body.model_copy(update={"promises": promises})
