"""The plain JSON that a company's expressions and templates may read about one ticket. Pure."""

from collections.abc import Mapping
from typing import Any

from agents.ports import TicketView
from store.outputs import IntentOutput, RetrievalOutput


def context_of(
    ticket: TicketView, intent: IntentOutput, retrieval: RetrievalOutput, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ticket, intent, entities, passages and every fact by name; no fact hides those."""
    return {
        **facts,
        "ticket": {
            "id": ticket.external_id,
            "text": ticket.text,
            "subject": ticket.subject,
            "customer_id": ticket.customer_id,
            "received_at": ticket.received_at.isoformat(),
        },
        "intent": {"name": intent.intent, "title": intent.title},
        "entities": dict(intent.entities),
        "passages": [
            {"source": hit.source, "title": hit.title, "text": hit.text}
            for hit in retrieval.passages
        ],
    }
