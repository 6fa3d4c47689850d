"""Where a person decides: the editable reply, the buttons, the inline panel for a refusal.

Every key carries review id and revision and every callback its frozen arguments, so a press that
arrives late can only ever mean the card it was made on. No dialog: shortcuts fire behind one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dashboard import actions, identity, session, words
from dashboard.actions import Card as Shown
from dashboard.components.answer_form import answer_form, own_approval
from store.outputs import STEP_TITLES, STEPS
from store.reports.card import Card
from store.transitions import ReviewKind

_EDITABLE = {"string", "integer", "number", "boolean"}


BLOCKED = "A blocked draft may be rejected or answered, never approved."
MAKER = "You wrote this, so somebody else has to approve it."
WAITS = "You approved this. It waits for somebody else; nothing is sent yet."


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit would do besides the reply: fields by argument name, or dropping the action."""

    args_keys: dict[str, str] = field(default_factory=dict)
    is_answer_only: bool = False


def decision_form(card: Card, shown: Shown, reasons: Mapping[str, str]) -> None:
    """Draw the reply and the ways to decide; `reasons` maps reject codes to titles."""
    if card.kind is ReviewKind.UNKNOWN_DELIVERY:
        answer_form(card, shown)
        return
    is_refusing = session.is_refusing(card.review_id, card.draft.revision)
    with st.container(key="refusal_place", gap="small"):  # always there: nothing typed is lost
        if is_refusing:
            _refusal(card, shown, reasons)
    if card.is_blind:
        with st.container(key="deciding", gap="small"):
            if not is_refusing:
                _audit(shown)
        return
    change = _editors(card)
    with st.container(key="deciding", gap="small"):
        if not is_refusing:
            _buttons(card, shown, change)


def _editors(card: Card) -> Change:
    if card.is_reversal:
        return Change()
    maker, waits = card.people.maker, card.people.has_approved(identity.me())
    written = f"edited by {words.label(maker)}" if maker else "written by the agent"
    key = session.edit_key(card.review_id, card.draft.revision)
    session.fill_once(key, card.draft.reply)
    st.text_area(
        f"Reply to the customer, {written}" + ("" if waits else " · press E to edit"),
        height=225,
        disabled=waits,
        key=key,
        on_change="ignore",
        persist_state="session",
    )
    if card.draft.action.is_reply_only or waits:
        return Change(is_answer_only=card.is_blocked)
    stem = f"{card.review_id}_{card.draft.revision}"
    with st.container(key="arguments", gap="small"):
        if card.is_blocked:
            st.caption("Your edit sends the reply alone: the blocked action is dropped.")
            return Change(is_answer_only=True)
        with st.container(horizontal=True, gap="medium"):
            further = len(card.draft.action.also)
            dropped = f"all {further + 1} actions" if further else "the action"
            is_answer_only = st.toggle(f"Only reply, drop {dropped}", key=f"drop_{stem}")
            is_changing = st.toggle(
                f"Change the arguments of {words.label(card.draft.action.tool or '')}"
                if further
                else "Change the arguments",
                key=f"change_{stem}",
                disabled=is_answer_only,
            )
        if is_changing and not is_answer_only:
            return Change(args_keys=_arguments(card, stem))
    return Change(is_answer_only=is_answer_only)


def _arguments(card: Card, stem: str) -> dict[str, str]:
    properties: dict[str, Any] = (card.tool_schema or {}).get("properties", {})
    keys = {}
    with st.container(horizontal=True, gap="small"):
        for name, value in card.draft.action.args.items():
            kind = properties.get(name, {}).get("type")
            if kind not in _EDITABLE or value == card.draft.action.customer_id:
                continue  # nobody chooses another recipient
            if name in card.filled_by_code:
                continue  # nor the state of the world, nor a key
            key = f"arg_{stem}_{name}"
            session.fill_once(key, value)
            _field(words.label(name), kind, key)
            keys[name] = key
    st.caption(
        "Whole numbers of money are minor units: 8490 is 84.90. The tool's schema is checked."
    )
    return keys


def _field(label: str, kind: str, key: str) -> None:
    if kind == "integer":
        st.number_input(label, step=1, key=key, width=170)
    elif kind == "number":
        st.number_input(label, key=key, width=170)
    elif kind == "boolean":
        st.checkbox(label, key=key)
    else:
        st.text_input(label, key=key, width=220)


def _buttons(card: Card, shown: Shown, change: Change) -> None:
    stem = f"{shown.review_id}_{shown.revision}"
    waits = card.people.has_approved(identity.me())
    bar = _bar(card)
    if bar and not card.is_blocked:
        st.caption(words.label(bar))
    with st.container(horizontal=True, gap="small", key="choices"):
        st.button(
            "Approve",
            key=f"approve_{stem}",
            type="primary",
            shortcut="A",
            disabled=bar is not None,
            help=bar,
            on_click=actions.approve,
            args=(shown,),
            kwargs={"is_changing": change.is_answer_only or bool(change.args_keys)},
        )
        if not card.is_reversal:
            st.button(
                "Send my edit",
                key=f"send_{stem}",
                shortcut="Ctrl+Enter",
                disabled=waits,
                on_click=actions.send_edit,
                args=(shown, change.args_keys),
                kwargs={"is_answer_only": change.is_answer_only},
            )
        st.button(
            "Reject",
            key=f"reject_{stem}",
            shortcut="X",
            disabled=waits,
            on_click=actions.start_refusal,
            args=(shown,),
        )
        own_approval(card, shown)
        if not waits and actions.is_edited(shown):
            st.button(
                "Take my edit back",
                key=f"restore_{stem}",
                type="tertiary",
                on_click=actions.take_back_edit,
                args=(shown,),
            )


def _bar(card: Card) -> str | None:
    """Return why the acting person may not approve, None if they may."""
    if card.is_blocked:
        return BLOCKED
    if card.people.has_approved(identity.me()):
        return WAITS
    return MAKER if card.people.maker == identity.me() else None


def _refusal(card: Card, shown: Shown, reasons: Mapping[str, str]) -> None:
    stem = f"{shown.review_id}_{shown.revision}"
    reason_key, step_key, note_key = f"reason_{stem}", f"step_{stem}", f"note_{stem}"
    with st.container(border=True, key="refusal", gap="small"):
        if not card.is_blind:
            st.pills(
                "Why reject it?",
                list(reasons),
                format_func=lambda code: words.label(reasons[code]),
                key=reason_key,
            )
        if not card.is_reversal:
            _first_wrong_step(step_key)
        st.text_area(
            "Note (optional)", key=note_key, height=68, on_change="ignore", persist_state="session"
        )
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Confirm: it was wrong" if card.is_blind else "Confirm rejection",
                key=f"confirm_{stem}",
                type="primary",
                shortcut="Ctrl+Enter",
                on_click=actions.judge_wrong if card.is_blind else actions.reject,
                args=(shown, step_key, note_key)
                if card.is_blind
                else (shown, reason_key, step_key, note_key),
            )
            st.button("Back", key=f"back_{stem}", shortcut="Esc", on_click=actions.cancel_refusal)


def _audit(shown: Shown) -> None:
    stem = f"{shown.review_id}_{shown.revision}"
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Right",
            key=f"right_{stem}",
            type="primary",
            shortcut="A",
            on_click=actions.judge_right,
            args=(shown,),
        )
        st.button(
            "Wrong",
            key=f"wrong_{stem}",
            shortcut="X",
            on_click=actions.start_refusal,
            args=(shown,),
        )


def _first_wrong_step(key: str) -> None:
    st.pills(
        "Which step went wrong first? Leave empty for no single step",
        list(STEPS),
        format_func=lambda name: STEP_TITLES[name],
        key=key,
    )
