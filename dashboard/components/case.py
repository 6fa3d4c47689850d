"""The reading part of a card: why it is here, who must agree, the customer's words, what runs.

Pure. What runs is drawn from the draft's stored payload, the one that will execute, never from
prose.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard import words
from dashboard.components.gate_reasons import chips
from dashboard.components.standing import lead, people
from store.escalations import EXECUTOR
from store.reports.card import Card, DeliveryView, Part
from store.transitions import OPEN_REVIEW, OutboxStatus, ReviewKind

_KINDS = {
    ReviewKind.AUDIT: ("Blind audit", "blue"),
    ReviewKind.SECOND_LOOK: ("Second look", "blue"),
}


def case(card: Card, *, currency: str, person: str, now: datetime) -> dict[str, Any]:
    """Return what the case shows; nothing about probability while the card is blind."""
    ticket = card.ticket
    first = lead(card, now)
    return {
        "title": card.title,
        "tags": _tags(card, person),
        "meta": _meta(card, now),
        "lead": first,
        "people": people(card),
        "whyTitle": _why_title(card),
        "why": _why(card, currency),
        "message": {
            "who": ticket.customer_id or "Unknown customer",
            "meta": f"{ticket.external_id} · received {words.moment(ticket.received_at)}",
            "subject": ticket.subject,
            "text": ticket.text,
        },
        "action": _action(card),
        "reply": _reply(card),
    }


def _reply(card: Card) -> dict[str, Any]:
    """Say who wrote the words: the agent, or a person, with the agent's own beside them."""
    draft, before = card.draft, card.original_draft
    by_agent = "Sent, written by the agent" if card.is_blind else "Written by the agent"
    if before is not None and before.reply != draft.reply:
        by = f"Written by {draft.author}, instead of the agent"
        return {"text": draft.reply, "isAgent": False, "by": by, "before": before.reply}
    if before is not None and draft.author != EXECUTOR:
        by_agent = f"{by_agent}; {draft.author} changed the action"
    return {"text": draft.reply, "isAgent": True, "by": by_agent, "before": None}


def _tags(card: Card, person: str) -> list[dict[str, str]]:
    tags = []
    if card.is_blocked:
        tags.append(("Blocked: reject it, or answer by edit", "red"))
    if card.kind in _KINDS:
        tags.append(_KINDS[card.kind])
    if card.claimed_by and card.claimed_by != person:
        tags.append((f"{card.claimed_by} is on this", "blue"))
    return [{"text": text, "tone": tone} for text, tone in tags]


def _is_about_delivery(card: Card) -> bool:
    return card.kind is ReviewKind.UNKNOWN_DELIVERY or card.is_reversal


def _why_title(card: Card) -> str:
    if card.is_blocked:
        return "Blocked because"
    return "It needed a person because" if card.kind is ReviewKind.STALE else "Here because"


def _why(card: Card, currency: str) -> list[dict[str, str]]:
    """A card that came back says so on top; beside it stands what the gate had said at first."""
    if _is_about_delivery(card):
        return []
    reasons = card.reasons or ()
    if card.kind is ReviewKind.STALE:
        reasons = reasons[1:]
    return chips(reasons, currency, is_blocked=card.is_blocked)


def _meta(card: Card, now: datetime) -> str:
    waited = words.age((now - card.opened_at).total_seconds())
    due_at = card.due_at if card.status in OPEN_REVIEW else None
    due, _ = words.due(due_at, card.sla_stage, now)
    parts = [f"#{card.review_id}", *([due] if due else []), f"waiting {waited}"]
    if not card.is_blind and not _is_about_delivery(card) and card.threshold is not None:
        found = "not calibrated" if card.confidence is None else f"{card.confidence:.2f}"
        parts.append(f"confidence {found}, needs > {card.threshold:.2f}")
    return " · ".join(parts)


def _action(card: Card) -> dict[str, Any]:
    title, note = _titles(card)
    calls = [_call(part) for part in card.parts]
    if card.kind is ReviewKind.UNKNOWN_DELIVERY and card.about is not None:
        calls = [_delivered(card.about)]
    first = calls[0] if calls else {"tool": None, "money": "", "args": [], "condition": ""}
    action = card.draft.action
    return {
        **first,
        "title": title,
        "note": note,
        "more": calls[1:],
        "total": words.money(action.total_minor, action.total_currency) if len(calls) > 1 else "",
        "around": _around(card),
    }


def _titles(card: Card) -> tuple[str, str]:
    if card.is_blind:
        return "What was done", "Only the reply was sent; no tool was called."
    nothing = "Reply only: no tool is called."
    if card.is_blocked:
        return "Proposed, but blocked", nothing
    if card.kind is ReviewKind.UNKNOWN_DELIVERY:
        return "The call in question, exactly as it was made", nothing
    when = "On the second approval" if card.people.missing > 1 else "On approval"
    order = ", in this order" if len(card.parts) > 1 else ""
    return f"{when} this runs, exactly{order}", nothing


def _call(part: Part) -> dict[str, Any]:
    shown = {name: value for name, value in part.args.items() if name != part.expected}
    return {
        "tool": part.tool,
        "money": words.money(part.amount_minor, part.currency),
        "args": _pairs(shown),
        "condition": _condition(part),
    }


def _condition(part: Part) -> str:
    """Say what the call depends on; code filled it in, and nobody edits it."""
    if part.expected is None or part.expected not in part.args:
        return ""
    title = part.expected.removeprefix("expected_").replace("_", " ")
    return f"Acts only if {title} is still {words.exact(part.args[part.expected])}"


def _delivered(entry: DeliveryView) -> dict[str, Any]:
    return {
        "tool": entry.tool,
        "money": words.money(entry.amount_minor, entry.currency),
        "args": _pairs(entry.args),
        "condition": f"Key {entry.action_id}",
    }


def _around(card: Card) -> list[str]:
    """Say what of the run was done before, and what waits behind a call in question."""
    if card.kind not in (ReviewKind.STALE, ReviewKind.UNKNOWN_DELIVERY) or card.is_reversal:
        return []
    return [line for entry in card.deliveries if (line := _standing(entry))]


def _standing(entry: DeliveryView) -> str:
    money = words.money(entry.amount_minor, entry.currency)
    what = f"{entry.tool} {money}".strip()
    if entry.status is OutboxStatus.SENT and entry.reverses is None and not entry.taken_back_by:
        return f"Done already: {what}, {words.moment(entry.sent_at)}"
    return f"Waits behind it: {what}" if entry.status is OutboxStatus.PENDING else ""


def _pairs(args: Mapping[str, Any]) -> list[list[str]]:
    return [[name, words.exact(value)] for name, value in args.items()]
