"""The deciding part of a card: what the acting person may do, and what each way asks for. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard import words
from dashboard.components.answers import answers
from store import labels
from store.escalations import EXECUTOR
from store.reports.card import Card
from store.reports.changes import DraftChange
from store.transitions import OPEN_REVIEW, ReviewKind, ReviewStatus, Role, SlaStage

BLOCKED = "A blocked draft may be rejected or answered, never approved."
MAKER = "You wrote this, so somebody else has to approve it."
WAITS = "You approved this. It waits for somebody else; nothing is sent yet."
ANSWERED = "You have answered. It waits for somebody else; nothing is sent yet."
HELD = "It waited so long that it is held: a manager has to look before anything is sent."
NOT_STORED = "The delivery that this asks about is not stored. Run `greenlight doctor`."
TOMORROW = 0  # hours that mean nine o'clock of the next day
SNOOZES = (("1 hour", 1), ("4 hours", 4), ("Tomorrow 9:00", TOMORROW), ("3 days", 72))


def deciding(
    card: Card,
    *,
    person: str,
    role: Role | None,
    people: Sequence[str],
    reasons: Sequence[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """Return the ways to decide; `reasons` are the company's for a rejection."""
    waits = card.people.has_approved(person)
    is_open = card.status in OPEN_REVIEW
    kind = _kind(card)
    bar = _bar(card, person, role)
    return {
        "kind": kind,
        "closed": None if is_open else closed(card, reasons, person=person, now=now),
        "bar": bar or "",
        "can": {
            "approve": kind in ("draft", "reversal") and bar is None,
            "edit": kind == "draft" and not waits and not is_held(card, role),
            "reject": kind in ("draft", "reversal") and not waits,
            "judge": kind == "blind",
            "unsay": waits and is_open,
            "follow": card.status is ReviewStatus.SUPERSEDED,
        },
        "confirm": card.confirmation,
        "answers": answers(card, waits=waits) if kind == "unknown" else [],
        "reasons": [
            {
                "code": reason["code"],
                "title": reason["title"],
                "hint": "the agent drafts again" if reason.get("redraft") else "",
            }
            for reason in reasons[:9]
        ],
        "steps": _steps(card, kind),
        "menu": {
            "people": [name for name in people if name != person],
            "me": person,
            "assignedTo": card.assigned_to or "",
            "snoozes": [{"label": label, "hours": hours} for label, hours in SNOOZES],
        },
    }


def is_held(card: Card, role: Role | None) -> bool:
    """Return whether the card waited so long that this role sends nothing from it any more."""
    return card.sla_stage is SlaStage.HELD and role is Role.OPERATOR


def closed(card: Card, reasons: Sequence[Mapping[str, Any]], *, person: str, now: datetime) -> str:
    """Return how a review that takes no decision any more ended."""
    decision = card.decision
    if decision is None or decision.is_undone:
        return f"This review is {card.status.value}: nothing is decided here any more."
    who = "You" if decision.person == person else decision.person
    ago = words.age((now - decision.decided_at).total_seconds())
    line = f"{words.decided(who, decision.verdict)}, {ago} ago"
    titles = {reason["code"]: reason["title"] for reason in reasons}
    why = titles.get(decision.reason_code or "", decision.reason_code or "")
    said = ". ".join(part for part in (why, decision.note) if part)
    return f"{line}: {said}" if said else f"{line}."


def changed(change: DraftChange) -> dict[str, Any]:
    """Return what the callout shows of a card that changed while somebody looked at it."""
    return {
        "title": "Changed since you looked",
        "text": _by(change),
        "before": change.reply_before,
        "after": change.reply_after,
        "rows": [
            [f"{one.tool} {one.name}", _value(one.before), _value(one.after)]
            for one in change.arguments
        ],
    }


def _by(change: DraftChange) -> str:
    if labels.is_by_model(change.author):
        return "The agent drafted it anew."
    if change.author == EXECUTOR:
        return "It was brought up to date, because the world had moved."
    return f"{change.author} made revision {change.revision_after} of it."


def _value(value: object) -> str:
    return "nothing" if value is None else words.exact(value)


def _kind(card: Card) -> str:
    if card.status not in OPEN_REVIEW:
        return "closed"
    if card.is_blind:
        return "blind"
    if card.kind is ReviewKind.UNKNOWN_DELIVERY:
        return "unknown"
    return "reversal" if card.is_reversal else "draft"


def _bar(card: Card, person: str, role: Role | None) -> str | None:
    """Return why the acting person may not approve, None if they may."""
    if card.status not in OPEN_REVIEW or card.is_blind:
        return None
    waits = card.people.has_approved(person)
    if card.kind is ReviewKind.UNKNOWN_DELIVERY:
        return NOT_STORED if card.about is None else ANSWERED if waits else None
    bars = {
        BLOCKED: card.is_blocked,
        WAITS: waits,
        HELD: is_held(card, role),
        MAKER: card.people.maker == person,
    }
    return next((bar for bar, applies in bars.items() if applies), None)


def _steps(card: Card, kind: str) -> list[dict[str, str]]:
    """Return what can be blamed: the run's own steps, no single one, and the customer."""
    if kind not in ("draft", "blind"):
        return []
    ran = [step for step in card.steps if step.status is not None][:9]
    found = [
        {"key": str(number), "step": step.name, "title": step.title}
        for number, step in enumerate(ran, start=1)
    ]
    found.append({"key": "0", "step": "", "title": "No single step"})
    if kind == "draft":
        found.append({"key": "Q", "step": labels.CUSTOMER, "title": "The customer"})
    return found


def way_back(card: Card) -> tuple[str, str] | None:
    """Return the delivered action that could be taken back, and how its button says so."""
    found = next((one for one in card.deliveries if one.can_take_back), None)
    if found is None:
        return None
    money = words.money(found.amount_minor, found.currency)
    return found.action_id, f"Take back {money or found.tool}"
