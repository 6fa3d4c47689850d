"""The three answers to a delivery whose end nobody knows, and what follows from each. Pure.

Money, and the one answer that has no undo, are asked once more in place.
"""

from typing import Any

from dashboard import words
from store.reports.card import Card, DeliveryView
from store.transitions import Verdict

ANSWERS = {
    Verdict.HAPPENED: ("It happened", "1"),
    Verdict.SEND_AGAIN: ("It did not: send again", "2"),
    Verdict.REVERSE: ("Take it back", "3"),
}
_WITHOUT_UNDO = frozenset({Verdict.HAPPENED})


def answers(card: Card, *, waits: bool) -> list[dict[str, Any]]:
    """Return the buttons; `waits` says that the acting person has answered already."""
    entry = card.about
    if entry is None:
        return []
    return [_answer(entry, verdict, waits=waits) for verdict in ANSWERS]


def _answer(entry: DeliveryView, verdict: Verdict, *, waits: bool) -> dict[str, Any]:
    label, key = ANSWERS[verdict]
    why_not = entry.why_not_reverse if verdict is Verdict.REVERSE else None
    return {
        "act": verdict.value,
        "label": label,
        "key": key,
        "isAsked": entry.amount_minor is not None or verdict in _WITHOUT_UNDO,
        "text": consequence(verdict, entry),
        "whyNot": why_not,
        "isOff": waits or why_not is not None,
    }


def consequence(verdict: Verdict, entry: DeliveryView) -> str:
    """Return what follows from an answer, before it is given."""
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
