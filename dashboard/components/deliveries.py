"""The deliveries of a run: what became of each, and taking back what was sent."""

from collections.abc import Sequence

import streamlit as st

from dashboard import actions, session, steering, words
from dashboard.strangers import visible, visible_json
from store.reports.delivery import DeliveryView


def deliveries(all_of_them: Sequence[DeliveryView]) -> None:
    """Draw each delivery in order, linked to the one that it takes back or that took it back."""
    if not all_of_them:
        return
    st.markdown("**Deliveries**")
    numbers = {entry.action_id: at for at, entry in enumerate(all_of_them, start=1)}
    for entry in all_of_them:
        with st.container(border=True, key=f"delivery_{entry.action_id}", gap="xsmall"):
            _delivery(entry, numbers)


def _delivery(entry: DeliveryView, numbers: dict[str, int]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text(visible(said(entry, numbers)), width="stretch")
        if entry.can_take_back and not session.is_asked(("reverse", entry.action_id)):
            st.button(
                "Take back",
                key=f"reverse_{entry.action_id}",
                on_click=steering.ask_reversal,
                args=(entry.action_id,),
            )
    if entry.error:
        st.text(visible(entry.error))
    st.caption(f"key {entry.action_id}")
    if entry.receipt is not None:
        st.json(visible_json(entry.receipt), expanded=False)
    if entry.can_take_back and session.is_asked(("reverse", entry.action_id)):
        _question(entry)


def said(entry: DeliveryView, numbers: dict[str, int]) -> str:
    """Return one delivery in one line. Pure."""
    money = words.money(entry.amount_minor, entry.currency)
    sent = words.moment(entry.sent_at) if entry.sent_at else ""
    parts = [f"{numbers[entry.action_id]}. {entry.tool}", money, entry.status.value, sent]
    if entry.reverses is not None:
        parts.append(f"takes back {numbers.get(entry.reverses, '?')}")
    if entry.taken_back_by is not None:
        parts.append(f"taken back by {numbers.get(entry.taken_back_by, '?')}")
    return " · ".join(part for part in parts if part)


def _question(entry: DeliveryView) -> None:
    money = words.money(entry.amount_minor, entry.currency)
    of_whom = f" of {visible(entry.customer_id)}" if entry.customer_id else ""
    note_key = f"reverse_note_{entry.action_id}"
    with st.container(border=True, key="taking_back", gap="small"):
        st.text(
            f"Take back {money + of_whom if money else entry.tool}? It goes out as a new action,"
            " linked to this one. Above the two-person limit somebody else must agree first."
        )
        st.text_input("Why", key=note_key, placeholder="One line for the record", max_chars=200)
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Yes, take it back",
                key=f"confirm_reverse_{entry.action_id}",
                type="primary",
                on_click=steering.reverse,
                args=(entry.action_id, f"{entry.tool} {money}".strip(), note_key),
            )
            st.button("Back", key="back_reverse", shortcut="Esc", on_click=actions.drop_question)
