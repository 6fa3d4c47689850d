"""Where a person says what became of a delivery: it happened, send it again, or reverse it.

Money, and the one answer that has no undo, are asked once more in place. No approving or editing.
"""

import streamlit as st

from dashboard import actions, identity, session, words
from dashboard.actions import Card as Shown
from store.reports.card import Card, DeliveryView
from store.transitions import Verdict

ANSWERS = {  # Streamlit keeps R for itself, so Reverse answers to V
    Verdict.HAPPENED: ("It happened", "H"),
    Verdict.SEND_AGAIN: ("It did not: send again", "S"),
    Verdict.REVERSE: ("Reverse", "V"),
}
_WITHOUT_UNDO = frozenset({Verdict.HAPPENED})


def answer_form(card: Card, shown: Shown) -> None:
    """Draw the note and the three answers, or the question whether one of them is meant."""
    entry = card.about
    if entry is None:
        st.text("The delivery that this asks about is not stored. Run `greenlight doctor`.")
        return
    note_key = f"note_{shown.review_id}_{shown.revision}"
    asked = _asked(shown)
    waits = card.people.has_approved(identity.me())
    with st.container(key="answering", gap="small"):
        st.text_area(
            "Note (optional): where you looked, and what you saw",
            key=note_key,
            height=68,
            disabled=waits,
            on_change="ignore",
            persist_state="session",
        )
        if asked is not None:
            st.text(consequence(asked, entry))
            _confirmation(shown, asked, note_key)
            return
        if waits:
            st.caption("You have answered. It waits for somebody else; nothing is sent yet.")
        elif entry.why_not_reverse:
            st.caption(words.label(f"It cannot be reversed: {entry.why_not_reverse}"))
        with st.container(horizontal=True, gap="small", key="choices"):
            for verdict in ANSWERS:
                _answer(card, shown, entry, verdict, note_key)
            own_approval(card, shown)


def _asked(shown: Shown) -> Verdict | None:
    return next(
        (one for one in ANSWERS if session.is_asked(actions.answer_question(shown, one))), None
    )


def _answer(card: Card, shown: Shown, entry: DeliveryView, verdict: Verdict, note_key: str) -> None:
    label, key = ANSWERS[verdict]
    is_asking = entry.amount_minor is not None or verdict in _WITHOUT_UNDO
    why_not = entry.why_not_reverse if verdict is Verdict.REVERSE else None
    st.button(
        label,
        key=f"{verdict}_{shown.review_id}_{shown.revision}",
        shortcut=key,
        disabled=why_not is not None or card.people.has_approved(identity.me()),
        help=why_not,
        on_click=actions.ask_answer if is_asking else actions.answer,
        args=(shown, verdict) if is_asking else (shown, verdict, note_key),
    )


def _confirmation(shown: Shown, verdict: Verdict, note_key: str) -> None:
    stem = f"{shown.review_id}_{shown.revision}"
    with st.container(horizontal=True, gap="small", key="choices"):
        st.button(
            f"Confirm: {ANSWERS[verdict][0].removeprefix('It did not: ').lower()}",
            key=f"confirm_{stem}",
            type="primary",
            shortcut="Ctrl+Enter",
            on_click=actions.answer,
            args=(shown, verdict, note_key),
        )
        st.button("Back", key=f"back_{stem}", shortcut="Esc", on_click=actions.drop_question)


def consequence(verdict: Verdict, entry: DeliveryView) -> str:
    """Return what follows from an answer, before it is given. Pure."""
    money = words.money(entry.amount_minor, entry.currency)
    what = f"{money} for {entry.customer_id}" if money and entry.customer_id else money or "It"
    if verdict is Verdict.HAPPENED:
        return (
            f"{what} is recorded as done, on your word. It is never sent again, what waited behind"
            " it goes out, and this answer has no undo."
        )
    if verdict is Verdict.SEND_AGAIN:
        twice = "is paid twice" if money else "happens twice"
        return (
            f"{what} goes out once more, under a new key. If the first call did happen, it {twice}."
        )
    return (
        f"{what} is taken back: the service is asked to undo it, whether it happened or not."
        " Nothing is sent again."
    )


def own_approval(card: Card, shown: Shown) -> None:
    """Offer to take back what the acting person has said while somebody else is still needed."""
    mine = next((one for one in card.people.given if one.person == identity.me()), None)
    if mine is not None:
        st.button(
            "Take my approval back",
            key=f"unsay_{mine.id}",
            type="tertiary",
            on_click=actions.take_back_approval,
            args=(shown, mine.id),
        )
