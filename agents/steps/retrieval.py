"""Step 2: the passages that may answer the ticket."""

from agents.ports import Retriever, TicketView
from agents.query import query_of
from store.outputs import PassageHit, RetrievalOutput

TOP = 5


async def run(
    retriever: Retriever, ticket: TicketView, *, k: int = TOP
) -> tuple[RetrievalOutput, None]:
    """Search the company's documents with the ticket's own words."""
    query = query_of(ticket)
    passages = retriever.search(query, k)
    output = RetrievalOutput(query=query, passages=passages, signals=_signals(passages))
    return output, None


def _signals(passages: list[PassageHit]) -> dict[str, float]:
    """Return how near the best passage is, and how far words and meaning agree; 0 for none."""
    if not passages:
        return {"retrieval_similarity": 0.0, "retrieval_agreement": 0.0}
    agreed = [hit for hit in passages if hit.bm25_rank is not None and hit.vector_rank is not None]
    return {
        "retrieval_similarity": max(hit.similarity or 0.0 for hit in passages),
        "retrieval_agreement": len(agreed) / len(passages),
    }
