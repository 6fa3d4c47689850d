"""Step 1: which of the company's intents the ticket is, or none."""

from agents.ports import Model, TicketView, Usage
from store.outputs import IntentOutput


async def run(model: Model, ticket: TicketView) -> tuple[IntentOutput, Usage]:
    """Classify the ticket; raises the model's ModelError."""
    return await model.intent(ticket)
