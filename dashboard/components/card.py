"""The card: one client-side component that holds everything about deciding one review.

Panels, typed text and the word diff live in the browser, where no rerun can touch them; a decision
comes back as one payload, which is checked against exactly what was drawn.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard import identity, session
from dashboard.components.case import case
from dashboard.components.custom import register
from dashboard.components.deciding import changed as changed_data
from dashboard.components.deciding import deciding, way_back
from dashboard.components.editor import editable, editor
from dashboard.payload import Shown
from dashboard.pressed import pressed
from dashboard.session import Answer
from store.reports.card import Card
from store.reports.changes import DraftChange
from store.schema import Company
from store.transitions import Role

PARTS = ("diff", "card_case", "card_fields", "card_edit", "card_panels", "card_send", "keys")
_CARD = register("card", parts=PARTS)
KEY = "card"


def card_view(
    card: Card, *, company: Company, now: datetime, changed: DraftChange | None = None
) -> None:
    """Draw the card; `changed` is what is different since the person last looked."""
    person, revision = identity.me(), card.draft.revision
    shown = Shown(
        card=card,
        person=person,
        decision_id=session.card_shown(card.review_id, revision, person, now),
        editable=editable(card),
        way_back=way_back(card) if card.is_blind else None,
    )
    session.note_drawn(shown.place, shown)
    data = card_data(
        card,
        company=company,
        decision_id=shown.decision_id,
        person=person,
        roles=identity.people(),
        answer=session.answered(),
        changed=changed or session.change_of(card.review_id),
        now=now,
    )

    _CARD(key=KEY, data=data, on_act_change=_sent)


def _sent() -> None:
    said = session.sent(KEY, "act")
    if isinstance(said, Mapping):
        pressed(said)


def card_data(
    card: Card,
    *,
    company: Company,
    decision_id: str,
    person: str,
    roles: Mapping[str, Role],
    answer: Answer,
    changed: DraftChange | None,
    now: datetime,
) -> dict[str, Any]:
    """Return everything that the card draws. Pure."""
    ways = deciding(
        card,
        person=person,
        role=roles.get(person),
        people=list(roles),
        reasons=company.reject_reasons,
        now=now,
    )
    return {
        "id": card.review_id,
        "run": card.run_id,
        "revision": card.draft.revision,
        "digest": card.draft.digest,
        "decisionId": decision_id,
        "armMs": int(session.ARM_SECONDS * 1000),
        **case(card, currency=company.currency, person=person, now=now),
        **ways,
        "editor": editor(card) if ways["can"]["edit"] else None,
        "changed": None if changed is None else changed_data(changed),
        "answer": {"nonce": answer.nonce, "problem": answer.problem, "ask": answer.ask},
    }
