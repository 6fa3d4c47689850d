"""Publishing what is on screen: the diff, the reason, the promise, and who may."""

from dataclasses import dataclass

import streamlit as st

from dashboard import identity, session, steering
from dashboard.components.proposal_panel import change_lines, who_must_agree
from dashboard.components.threshold import is_certified, level, limit
from dashboard.trying import Promised, for_promise
from store.gate import PolicyBody, Promise
from store.loosening import Change, changes
from store.policies import PolicyVersion
from store.reports.recommending import Recommendation

NOTE = "policy_note"
_NEEDS_AUDITS = "A promise needs audits: at an audit rate of 0 this version promises nothing."


@dataclass(frozen=True, slots=True)
class Offer:
    """How the box for a promise looks to somebody who has not clicked it."""

    is_open: bool  # it may be clicked
    is_made: bool  # it is ticked
    kept: Promise | None  # what is promised all the same while it is not
    why: str  # said beside it


def publish_panel(
    active: PolicyVersion,
    body: PolicyBody,
    can_be: Promised,
    found: Recommendation,
    value: float,
    standing: frozenset[str],
) -> None:
    """Draw the panel for a candidate whose slider is at `value`; `standing` promises hold."""
    may_publish = identity.is_managing()
    suffix = f"{active.version}_{session.tried(active.version).loads}"
    with st.container(border=True, key="publish", gap="small"):
        head = st.empty()
        diff = st.empty()
        made = active.body.promises.get(found.kind) if found.kind in standing else None
        asked = offer(
            found,
            for_promise(can_be, made, found.kind) if made else None,
            value,
            has_audits=body.audit_rate > 0,
            is_untouched=not changes(active.body, body),
        )
        promised = _promised(asked, found, suffix, level(value))
        body = _with(body, found.kind, promised, standing)
        changed = _changed(active.body, body, standing)
        needs_two = active.body.needs_second_manager and any(one.is_looser for one in changed)
        head.markdown("**Propose a new version**" if needs_two else "**Publish a new version**")
        diff.text(
            change_lines(changed) or "Nothing is changed yet: move the slider or edit a rule."
        )
        if needs_two and may_publish:
            st.text(who_must_agree(identity.me()))
        note = st.text_input(
            "Why",
            key=NOTE,
            placeholder="Why: one line for the record",
            max_chars=200,
            label_visibility="collapsed",
            live="400ms",
            disabled=not may_publish,
        )
        is_silent = not (note or "").strip()
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Propose" if needs_two else "Publish",
                key=f"publish_{active.version}_{level(value)}",
                type="primary",
                disabled=not (may_publish and changed) or is_silent,
                on_click=steering.publish,
                args=(body, NOTE, active.version),
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
        if may_publish and changed and is_silent:
            st.caption("Say why first: the line is kept with the version.")
        st.caption("Applies to new drafts. Cards that wait keep the policy they were stopped by.")


def _changed(before: PolicyBody, after: PolicyBody, standing: frozenset[str]) -> tuple[Change, ...]:
    """Return what publishing would change: to make a broken promise again is a change too."""
    kept = {kind: made for kind, made in before.promises.items() if kind in standing}
    found = {one.about: one for one in changes(before.model_copy(update={"promises": kept}), after)}
    recorded = {one.about: one for one in changes(before, after)}
    return tuple((found | recorded).values()) if found else ()


def offer(
    found: Recommendation,
    standing: Recommendation | None,
    value: float,
    *,
    has_audits: bool,
    is_untouched: bool,
) -> Offer:
    """Return what the box for a promise offers at a threshold. Pure.

    `standing` is for the promise that holds now; an untouched policy keeps it without a new test.
    """

    def holds(one: Recommendation) -> bool:
        return has_audits and is_certified(one, value)

    if standing is None:
        why = "" if has_audits else _NEEDS_AUDITS
        return Offer(is_open=holds(found), is_made=False, kept=None, why=why)
    made, here = f"at most {limit(standing.promise.max_error)} wrong", level(value)
    is_it, stays = standing.promise == found.promise, is_untouched or holds(standing)
    is_open, why = holds(found) or (is_it and stays), ""
    if not has_audits:
        why = _NEEDS_AUDITS
    elif not stays:
        why = f"{here} is not certified for {made}: this version drops that promise."
    elif not is_it:
        why = f"The promise of {made} stays{' unless you tick this' if is_open else ''}."
    elif not holds(found):
        why = f"No longer certified at {here}: a new version cannot keep it."
    return Offer(is_open, is_it and stays, None if is_it or not stays else standing.promise, why)


def _promised(shown: Offer, found: Recommendation, suffix: str, here: str) -> Promise | None:
    """Draw the box for a promise; return what is promised of its kind."""
    may_click = shown.is_open and identity.is_managing()
    is_ticked = st.checkbox(
        f"Promise: at most {limit(found.promise.max_error)} wrong (watched; suspended when broken)",
        value=shown.is_made,
        disabled=not may_click,
        key=f"promise_{suffix}_{found.kind}_{found.promise.max_error}_{shown.is_open}_{shown.is_made}",
        help=None if shown.is_open else f"{here} is not certified for this promise.",
    )
    if shown.why:
        st.caption(shown.why)
    return found.promise if is_ticked else shown.kept


def _with(
    body: PolicyBody, kind: str, promised: Promise | None, standing: frozenset[str]
) -> PolicyBody:
    """Return the policy with what it promises of this kind, and of others that hold now."""
    promises = {name: made for name, made in body.promises.items() if name in standing - {kind}}
    if promised:
        promises[kind] = promised
    return body.model_copy(update={"promises": promises if body.audit_rate else {}})
