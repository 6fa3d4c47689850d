"""What stands above all else on a card: what changed or is unknown, and who has to agree. Pure."""

from datetime import UTC, datetime
from typing import Any

from dashboard import words
from store.reports.card import Card, DecisionView, DeliveryView
from store.transitions import ReviewKind, Verdict

_CAME_BACK = {
    "changed": "Changed since it was decided",
    "daily_cap": "Stopped at this customer's daily limit",
    "delivery_failed": "The delivery failed",
}
_UP_TO_DATE = "It was not sent. The draft below is brought up to date: decide on it anew."
_SAID = {
    Verdict.APPROVE: "approved",
    Verdict.REVERSE: "says: take it back",
    Verdict.SEND_AGAIN: "says: send it again",
}
_ORDER = ("first", "second")


def lead(card: Card, now: datetime) -> dict[str, Any] | None:
    """Return the callout of a card that came back or asks about a delivery, None for others."""
    if card.kind is ReviewKind.UNKNOWN_DELIVERY and card.about is not None:
        return _doubt(card, card.about, now)
    if card.kind is not ReviewKind.STALE or not card.reasons:
        return None
    if card.is_reversal:
        return _reversal(card)
    reason = card.reasons[0]
    title = _CAME_BACK.get(reason.code, "It came back to a person")
    rows = [
        [
            change.name.removeprefix("expected_").replace("_", " "),
            words.exact(change.before),
            words.exact(change.after),
        ]
        for change in card.changes
        if reason.code == "changed"
    ]
    return {
        "tone": "orange",
        "title": title,
        "text": _UP_TO_DATE if rows else words.plain(reason.message),
        "rows": rows,
        "facts": [],
    }


def _doubt(card: Card, entry: DeliveryView, now: datetime) -> dict[str, Any]:
    since = entry.first_attempt_at or entry.created_at
    ago = words.age((now - since).total_seconds())
    tried = "once" if entry.attempt <= 1 else f"{entry.attempt} times, always under one key"
    money = words.money(entry.amount_minor, entry.currency)
    moved = f"{money} for {entry.customer_id or 'an unknown customer'}" if money else "No money"
    facts = [
        ["Tool", f"{entry.tool}, which takes an action back" if entry.reverses else entry.tool],
        ["Money", moved],
        ["Unknown since", f"{words.moment(since)}, {ago} ago"],
        ["Tried", tried],
        ["What came back", words.in_doubt(_first(card))],
        ["Look-up", card.lookup],
    ]
    if not money:
        facts[1] = ["Customer", entry.customer_id or "unknown"]
    return {
        "tone": "red",
        "title": "Did this happen? Nobody knows.",
        "text": "Look into the service itself before you answer.",
        "rows": [],
        "facts": facts,
    }


def _first(card: Card) -> str:
    return card.reasons[0].message if card.reasons else ""


def _reversal(card: Card) -> dict[str, Any]:
    entry = card.about
    money = "" if entry is None else words.money(entry.amount_minor, entry.currency)
    sent = "" if entry is None else f". It was sent {words.moment(entry.sent_at)}."
    return {
        "tone": "orange",
        "title": f"Take back {money or 'what was done'}?",
        "text": f"{words.plain(_first(card)).rstrip('.')}{sent}",
        "rows": [],
        "facts": [],
    }


def people(card: Card) -> dict[str, Any] | None:
    """Return who must agree and who has, None where one person is enough."""
    if card.is_blind or card.people.needed < 2:
        return None
    given = card.people.given
    slots = [{"text": _given(decision), "isDone": True} for decision in given]
    out = [decision.person for decision in given]
    if card.people.maker and card.people.maker not in out:
        out.append(card.people.maker)
    barred = f", not {' or '.join(out)}" if out else ""
    slots += [
        {"text": f"still needed: a {_ORDER[place]} person{barred}", "isDone": False}
        for place in range(len(given), card.people.needed)
    ]
    title = "Two people must approve this"
    if card.kind is ReviewKind.UNKNOWN_DELIVERY:
        title = "To send it again or reverse it, two people must say the same"
    return {"title": title, "slots": slots}


def _given(decision: DecisionView) -> str:
    said = _SAID.get(decision.verdict, decision.verdict.replace("_", " "))
    return f"{decision.person} {said}, {decision.decided_at.astimezone(UTC):%H:%M:%S} UTC"
