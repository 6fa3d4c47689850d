"""A model that costs nothing, so that a campaign's time goes to what is tested: the money's path.

It reads the order out of the ticket, proposes what the look-up allows, and is as sure as the
ticket's id says; everything after it is the real thing.
"""

import re
from random import Random

import numpy as np

from agents.kit import Loaded
from agents.models.encoder import Encoder, Matrix
from agents.ports import Proposal, TicketView, Usage
from store.actions import REPLY_ONLY
from store.calibrators import Fitted
from store.evidence.calibration import Stack
from store.outputs import Critique, IntentOutput, RetrievalOutput, ToolCallOutput

SURE_SHARE = 0.6  # of the tickets: the gate lets them pass if no rule objects
_ORDER = re.compile(r"\bPX-\d{6}\b")
_LETTER = re.compile(r"letter|confirm", re.IGNORECASE)
_USAGE = Usage(model="parcels")


class ParcelModel:
    """Intent by a word, draft by the look-up, no objections."""

    name = "parcels"

    async def intent(self, ticket: TicketView) -> tuple[IntentOutput, Usage]:
        """Return letter or refund, with the orders named."""
        kind = "letter" if _LETTER.search(ticket.text) else "refund"
        output = IntentOutput(
            intent=kind,
            title=kind.capitalize(),
            probability=0.95,
            is_out_of_scope=False,
            entities={"order_ids": _ORDER.findall(ticket.text)},
        )
        return output, _USAGE

    async def synthesise(
        self,
        ticket: TicketView,
        intent: IntentOutput,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Proposal, Usage]:
        """Refund all that is left of the order, or post a letter about it, or ask."""
        sure = Random(ticket.external_id).random() < SURE_SHARE
        signals = {"sure": 1.0 if sure else 0.5}
        order = tool_call.facts.get("order")
        args = {"order_id": order["order_id"]} if order else {}
        if order and intent.intent == "letter":
            reply = "We are posting you a letter."
            return Proposal(reply, "letter", args, signals=signals), _USAGE
        if order and order["refundable_minor"]:
            args["amount_minor"] = order["refundable_minor"]
            return Proposal("It goes back to you.", "refund", args, signals=signals), _USAGE
        return Proposal("Which order is it about?", REPLY_ONLY, signals=signals), _USAGE

    async def critique(
        self,
        ticket: TicketView,
        proposal: Proposal,
        retrieval: RetrievalOutput,
        tool_call: ToolCallOutput,
    ) -> tuple[Critique, Usage]:
        """Agree."""
        return Critique(agrees=True), _USAGE


class _EveryWordAlike:
    """An encoder's library without its weights."""

    def encode(self, texts: list[str]) -> Matrix:
        return np.ones((len(texts), 4), dtype=np.float32)


def loaded() -> Loaded:
    """Return model and encoder, ready to be shared with forks."""
    return Loaded(model=ParcelModel(), encoder=Encoder(_EveryWordAlike()))


def calibrator() -> Fitted:
    """Return a map from the model's sureness to 0.98 or one half."""
    stack = Stack(
        signals=("model_sure",),
        means=(0.5,),
        scales=(0.125,),
        weights=(1.0,),
        intercept=0.0,
        platt=(1.0, 0.0),
    )
    return Fitted(
        version="parcels-1",
        model=ParcelModel.name,
        is_demo=False,
        stack=stack,
        labels=1_000,
        wrong=100,
    )
