"""The text that stands for a ticket: the same for intent and retrieval, so it is encoded once."""

from agents.ports import TicketView


def query_of(ticket: TicketView) -> str:
    """Return subject and text as one query."""
    return f"{ticket.subject}\n{ticket.text}".strip()
