"""The reading part of a card: why it is here, the customer's words, the exact action.

The action is drawn from the draft's stored payload, the one that will execute, never from prose.
"""

import json
from datetime import datetime
from typing import Any

from dashboard import words
from dashboard.components.custom import register
from dashboard.components.gate_reasons import chips
from store.reports.card import Card
from store.transitions import ReviewKind, ReviewStatus

_CASE = register("case")

_KINDS = {
    ReviewKind.AUDIT: ("Blind audit", "blue"),
    ReviewKind.SECOND_LOOK: ("Second look", "blue"),
    ReviewKind.STALE: ("The world moved after the decision", "orange"),
    ReviewKind.UNKNOWN_DELIVERY: ("Nobody knows whether it was delivered", "red"),
}


def draft_view(card: Card, *, currency: str, person: str, now: datetime) -> None:
    """Draw the case of a review."""
    _CASE(key="case", data=case(card, currency=currency, person=person, now=now))


def case(card: Card, *, currency: str, person: str, now: datetime) -> dict[str, Any]:
    """Return what the case shows; nothing about probability while the card is blind. Pure."""
    ticket = card.ticket
    return {
        "id": card.review_id,
        "title": card.title,
        "tags": _tags(card, person),
        "meta": _meta(card, now),
        "whyTitle": "Blocked because" if card.is_blocked else "Here because",
        "why": chips(card.reasons or (), currency, is_blocked=card.is_blocked),
        "message": {
            "who": ticket.customer_id or "Unknown customer",
            "meta": f"{ticket.external_id} · received {words.moment(ticket.received_at)}",
            "subject": ticket.subject,
            "text": ticket.text,
        },
        "action": _action(card),
        "sent": card.draft.reply if card.is_blind else None,
    }


def _tags(card: Card, person: str) -> list[dict[str, str]]:
    tags = []
    if card.is_blocked:
        tags.append(("Blocked: reject it, or answer by edit", "red"))
    if card.kind in _KINDS:
        tags.append(_KINDS[card.kind])
    if card.status is ReviewStatus.AWAITING_SECOND and card.decision is not None:
        tags.append((f"{card.decision.person} approved; a second person is needed", "orange"))
    elif card.claimed_by and card.claimed_by != person:
        tags.append((f"{card.claimed_by} is on this", "blue"))
    return [{"text": text, "tone": tone} for text, tone in tags]


def _meta(card: Card, now: datetime) -> str:
    waited = words.age((now - card.opened_at).total_seconds())
    parts = [f"#{card.review_id}", f"waiting {waited}"]
    if not card.is_blind and card.threshold is not None:
        found = "not calibrated" if card.confidence is None else f"{card.confidence:.2f}"
        parts.append(f"confidence {found}, needs > {card.threshold:.2f}")
    return " · ".join(parts)


def _action(card: Card) -> dict[str, Any]:
    action = card.draft.action
    title, note = "On approval this runs, exactly", "Reply only: no tool is called."
    if card.is_blind:
        title, note = "What was done", "Only the reply was sent; no tool was called."
    elif card.is_blocked:
        title = "Proposed, but blocked"
    return {
        "title": title,
        "tool": action.tool,
        "money": words.money(action.amount_minor, action.currency),
        "args": [[name, _exact(value)] for name, value in action.args.items()],
        "note": note,
    }


def _exact(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
