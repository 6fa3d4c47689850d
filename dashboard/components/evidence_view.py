"""The evidence beside a draft: the six steps, what the tools answered, what the documents say.

Words and figures that the draft shares with it are marked, and figures of the reply that stand
nowhere in it are named. The most telling piece comes first.
"""

from collections.abc import Sequence
from typing import Any

from dashboard import words
from dashboard.components.step_timeline import strip
from dashboard.components.tool_answer import (
    Telling,
    arguments,
    has_marks,
    known_values,
    tables,
    telling,
)
from store.outputs import PassageHit, ToolCallRecord
from store.reports.card import Card
from store.reports.overlap import Span, Support, shared, support

MAX_PASSAGES = 4
TICKET = "ticket"  # a mark: the customer's message has these words, the reply has not

Piece = list[str]


def evidence_data(card: Card, currency: str) -> dict[str, Any]:
    """Return what the evidence shows. Pure."""
    calls = card.tool_call.calls if card.tool_call else []
    hits = card.retrieval.passages if card.retrieval else []
    wanted = telling(card.draft.action, card.draft.reply, currency)
    rested_on = card.synthesis.sources if card.synthesis else []
    passages = [_passage(hit, card, rested_on) for hit in hits[:MAX_PASSAGES]]
    answers = [_call(call, wanted) for call in calls]
    known = [card.ticket.external_id, card.ticket.customer_id or "", *(hit.text for hit in hits)]
    results = [[call.args, call.result] for call in calls if call.status == "ok"]
    return {
        "id": card.review_id,
        "stepsTitle": f"Six steps of run {card.run_id}",
        "steps": strip(card.steps),
        "check": _check(
            support(card.draft.reply, known_values(known, results, currency), card.ticket.text)
        ),
        "calls": sorted(answers, key=lambda call: call["rank"]),
        "passages": sorted(passages, key=lambda passage: passage["rank"]),
        "isActing": not card.draft.action.is_reply_only,
        "empty": "This draft rests on no passage and no tool result.",
    }


def _check(found: Support) -> dict[str, Any]:
    """Return what is said of the reply's figures, nothing if it has none."""
    total = len(found.found) + len(found.claimed) + len(found.missing)
    return {
        "missing": list(found.missing),
        "claimed": list(found.claimed),
        "text": f"{len(found.found)} of {total} figures of the reply are in the evidence"
        if total
        else "",
    }


def _passage(hit: PassageHit, card: Card, rested_on: Sequence[str]) -> dict[str, Any]:
    said = shared(hit.text, card.draft.reply)
    asked = shared(hit.text, card.ticket.text)
    near = hit.similarity
    is_source = hit.source in rested_on
    return {
        "title": hit.title,
        "pieces": pieces(hit.text, said, asked),
        "source": hit.source,
        "score": f"match {near:.2f}" if near is not None else f"score {hit.score:.3f}",
        "isSource": is_source,
        "rank": [not is_source, -sum(span.end - span.start for span in said)],
    }


def pieces(text: str, said: Sequence[Span], asked: Sequence[Span] = ()) -> list[Piece]:
    """Return the text cut into [words, mark]; what the reply has hides what the ticket has."""
    marks = [""] * len(text)
    for span in asked:
        marks[span.start : span.end] = [TICKET] * (span.end - span.start)
    for span in said:
        marks[span.start : span.end] = [span.kind] * (span.end - span.start)
    cut: list[Piece] = []
    for letter, mark in zip(text, marks, strict=True):
        if cut and cut[-1][1] == mark:
            cut[-1][0] += letter
        else:
            cut.append([letter, mark])
    return cut


def _call(call: ToolCallRecord, wanted: Telling) -> dict[str, Any]:
    found = tables(call.result, wanted, call.args)
    is_skipped = call.status == "skipped"
    is_telling = has_marks(found)
    return {
        "tool": call.tool,
        "state": call.status,
        "note": "skipped" if is_skipped else words.duration(call.latency_ms),
        "args": arguments(call.args, wanted),
        "error": call.error,
        "said": call.said or "",
        "tables": found,
        "nothing": call.status == "ok" and call.result in (None, {}, []),
        "rank": [call.status != "error", is_skipped, not is_telling],
    }
