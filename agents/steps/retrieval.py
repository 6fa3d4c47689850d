"""Step 2: the passages that may answer the ticket."""

from collections.abc import Mapping
from types import MappingProxyType

from agents.ports import Retriever, TicketView
from agents.query import query_of
from store.outputs import PassageHit, RetrievalOutput

TOP = 5
NONE: Mapping[str, str] = MappingProxyType({})


async def run(
    retriever: Retriever, ticket: TicketView, entities: Mapping[str, str] = NONE, *, k: int = TOP
) -> tuple[RetrievalOutput, None]:
    """Search with the ticket's own words; `entities` are the company's patterns for ids.

    Where a reviewer blamed this step, the passages that the rejected draft rested on are left out.
    """
    query = query_of(ticket, entities)
    refused = _refused(ticket)
    found = retriever.search(query, k + len(refused))
    passages = [hit for hit in found if hit.source not in refused][:k]
    output = RetrievalOutput(query=query, passages=passages, signals=_signals(passages))
    return output, None


def _refused(ticket: TicketView) -> frozenset[str]:
    said = ticket.feedback
    return frozenset(said.sources) if said and said.step == "retrieval" else frozenset()


def _signals(passages: list[PassageHit]) -> dict[str, float]:
    """Return how near the best passage is, and how far words and meaning agree; 0 for none."""
    if not passages:
        return {"retrieval_similarity": 0.0, "retrieval_agreement": 0.0}
    agreed = [hit for hit in passages if hit.bm25_rank is not None and hit.vector_rank is not None]
    return {
        "retrieval_similarity": max(hit.similarity or 0.0 for hit in passages),
        "retrieval_agreement": len(agreed) / len(passages),
    }
