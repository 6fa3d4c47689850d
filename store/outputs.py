"""What each step stores as its output: the contract between the agents who write it and the pages
that show it. Pure pydantic models; stored as plain JSON with `schema_version`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.actions import Action
from store.transitions import Outcome

STEPS = ("intent", "retrieval", "tool_call", "synthesis", "gate", "commit")
STEP_TITLES = {
    "intent": "Intent",
    "retrieval": "Retrieval",
    "tool_call": "Tool call",
    "synthesis": "Synthesis",
    "gate": "Gate",
    "commit": "Commit",
}


class Output(BaseModel):
    """Base of every step output; unknown keys are refused, so that a drift is seen at once."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1


class IntentCandidate(BaseModel):
    intent: str
    title: str
    probability: float = Field(ge=0, le=1)


class IntentOutput(Output):
    """Step 1. `intent` is None when the ticket is out of scope."""

    intent: str | None
    title: str
    probability: float = Field(ge=0, le=1)
    is_out_of_scope: bool
    candidates: list[IntentCandidate] = []  # best first, at most 5
    entities: dict[str, Any] = {}  # order ids, months, amounts found in the text
    signals: dict[str, float] = {}


class PassageHit(BaseModel):
    passage_id: int
    source: str  # "refunds.md#duplicate-charges"
    title: str
    text: str
    score: float  # fused (reciprocal rank) score
    similarity: float | None = None  # cosine, where vectors are available
    bm25_rank: int | None = None  # 1-based, None when not found by words
    vector_rank: int | None = None


class RetrievalOutput(Output):
    """Step 2."""

    query: str
    passages: list[PassageHit] = []
    signals: dict[str, float] = {}


ToolErrorClass = Literal[
    "timeout", "schema_drift", "tool_error", "server_died", "invalid_arguments"
]


class ToolCallRecord(BaseModel):
    tool: str
    server: str
    args: dict[str, Any] = {}
    result: Any = None
    status: Literal["ok", "error", "skipped"]
    error_class: ToolErrorClass | None = None
    error: str | None = None
    said: str | None = None  # a failing tool's own words: hostile text
    was_sent: bool = True  # False only if it is certain that not a byte of the call left
    latency_ms: float = 0.0


class ToolCallOutput(Output):
    """Step 3. `facts` holds results by the name the company gave each look-up."""

    calls: list[ToolCallRecord] = []
    facts: dict[str, Any] = {}
    signals: dict[str, float] = {}


class Critique(BaseModel):
    """The critic's verdict on a draft; it can only object, never raise confidence."""

    agrees: bool
    objections: list[str] = []


class SynthesisOutput(Output):
    """Step 4: the draft as proposed. `confidence` is None while the model is uncalibrated."""

    reply: str
    action: Action
    concerns: list[str] = []  # named doubts about the evidence, for people
    critique: Critique
    signals: dict[str, float] = {}
    raw_score: float | None = None  # the stack's score before calibration, for ranking
    confidence: float | None = Field(default=None, ge=0, le=1)
    calibrator_version: str | None = None
    prompt_version: str | None = None
    sources: list[str] = []  # passages the reply rests on


class Reason(BaseModel):
    """Why the gate did what it did; frozen on the review. `margin` = value minus limit."""

    code: str
    message: str
    value: float | None = None
    limit: float | None = None
    margin: float | None = None


class GateOutput(Output):
    """Step 5."""

    outcome: Outcome
    reasons: list[Reason] = []
    confidence: float | None = None
    threshold: float
    policy_version: int
    is_audited: bool  # the audit coin drew this draft
    inclusion_probability: float = Field(gt=0, le=1)
    automatic_today_minor: int = 0  # what the daily cap was judged on


class Delivery(BaseModel):
    action_id: str
    tool: str
    status: str
    attempt: int
    receipt: dict[str, Any] | None = None


class CommitOutput(Output):
    """Step 6, written by the executor when the last entry is delivered."""

    deliveries: list[Delivery]
