"""What is true about a demo ticket, and the judgement of a run against it. Pure.

Simulated reviewers and the demo's calibrator ask here; the pipeline never does. The judgement is
about the draft: a right draft is right whatever happened on the way, a wrong one is blamed on the
first step that went wrong.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from store.actions import REPLY_ONLY
from store.outputs import (
    IntentOutput,
    Output,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
)


class TicketTruth(BaseModel):
    """What a right run of this ticket must find and do."""

    model_config = ConfigDict(frozen=True)

    scenario: str
    intents: tuple[str | None, ...]  # any of these is right; None is out of scope
    sources: tuple[str, ...] = ()  # a passage must come from one of these (document or section)
    facts: tuple[str, ...] = ()  # look-ups that must have succeeded
    kind: str = REPLY_ONLY
    args: dict[str, Any] = {}  # those that must be exactly so
    mentions: tuple[str, ...] = ()  # what the reply must say, whatever the case
    is_doubtful: bool = False  # the data cannot settle it: the draft must say so
    needs_person: bool = False  # ... and only somebody who asks back finds out what was meant


class Judgement(NamedTuple):
    """Whether the draft was right, and if not, which step failed first."""

    is_right: bool
    first_wrong_step: str | None


def judge(truth: TicketTruth, outputs: Mapping[str, Output]) -> Judgement:
    """Compare the stored outputs of the first four steps, by step name, with the truth."""
    if _is_draft_right(truth, outputs):
        return Judgement(is_right=True, first_wrong_step=None)
    checks = {
        "intent": _is_intent_right,
        "retrieval": _is_retrieval_right,
        "tool_call": _is_tool_call_right,
    }
    for step, is_step_right in checks.items():
        if not is_step_right(truth, outputs.get(step)):
            return Judgement(is_right=False, first_wrong_step=step)
    return Judgement(is_right=False, first_wrong_step="synthesis")


def _is_draft_right(truth: TicketTruth, outputs: Mapping[str, Output]) -> bool:
    draft, intent = outputs.get("synthesis"), outputs.get("intent")
    if not isinstance(draft, SynthesisOutput) or not isinstance(intent, IntentOutput):
        return False
    if intent.is_out_of_scope or truth.intents == (None,):
        is_handed_over = intent.is_out_of_scope and draft.action.is_reply_only
        return None in truth.intents and is_handed_over
    reply = _plain(draft.reply)
    return (
        draft.action.kind == truth.kind
        and all(draft.action.args.get(name) == value for name, value in truth.args.items())
        and all(_plain(words) in reply for words in truth.mentions)
        and (bool(draft.concerns) or not truth.is_doubtful)
        and not truth.needs_person
    )


def _is_intent_right(truth: TicketTruth, output: Output | None) -> bool:
    if not isinstance(output, IntentOutput):
        return False
    return (None if output.is_out_of_scope else output.intent) in truth.intents


def _is_retrieval_right(truth: TicketTruth, output: Output | None) -> bool:
    if not isinstance(output, RetrievalOutput):
        return False
    found = [hit.source for hit in output.passages]
    return not truth.sources or any(source.startswith(truth.sources) for source in found)


def _is_tool_call_right(truth: TicketTruth, output: Output | None) -> bool:
    if not isinstance(output, ToolCallOutput):
        return False
    is_complete = all(output.facts.get(name) is not None for name in truth.facts)
    return is_complete and not truth.needs_person  # no look-up holds what decides it


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
