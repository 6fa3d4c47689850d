"""Many judged coin drafts at once, inserted as rows: what a promise is certified on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import builders
import calibrated
from builders import NOW
from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from store.actions import Action, as_json, digest, reply_only
from store.gate import GateInput, PolicyBody
from store.schema import Draft, Label, Run, Ticket
from store.transitions import LabelSource, Outcome, RunStatus

RATE = 0.5


def drafts(
    session: Session,
    confidences: Sequence[float],
    *,
    wrong: int = 0,
    is_drawn: bool = True,
    is_judged: bool = True,
    at: datetime = NOW - timedelta(days=20),
    every: timedelta = timedelta(minutes=20),
    similarity: float = 0.6,
    kind: str = "reply_only",
    also: str | None = None,
    rate: float = RATE,
    toss: float | None = None,
    policy: PolicyBody | None = None,
    model: str = builders.MODEL,
) -> list[int]:
    """Insert gated drafts, the first `wrong` of them wrong; return the runs' ids.

    Another model comes with a calibrator of its own.
    """
    builders.company(session, policy=policy)
    version = calibrated.CALIBRATOR if model == builders.MODEL else f"{model}-1"
    calibrated.calibrator(session, version, model)
    first = 1 + (session.execute(select(func.max(col(Run.id)))).scalar() or 0)
    ids = list(range(first, first + len(confidences)))
    moments = [at + every * place for place in range(len(ids))]
    labelled = {"inclusion_probability": rate, "is_simulated": False}
    gated = {
        "action_kind": kind,
        "is_composite": also is not None,
        "coin": (rate * 0.9 if is_drawn else 0.95) if toss is None else toss,
        "coin_rate": rate,
        "similarity": similarity,
        "model": model,
        "calibrator_version": version,
    }
    connection = session.connection()
    connection.execute(insert(Ticket), [_ticket(*each) for each in zip(ids, moments, strict=True)])
    rows = zip(ids, moments, confidences, strict=True)
    connection.execute(insert(Run), [{**_run(*each), **gated} for each in rows])
    action = reply_only("C-1")
    if also is not None:
        parts = (action.model_copy(update={"kind": also}),)
        action = action.model_copy(update={"kind": kind, "also": parts})
    drafted = [_draft(*each, action) for each in zip(ids, moments, strict=True)]
    connection.execute(insert(Draft), drafted)
    if is_judged:
        connection.execute(
            insert(Label),
            [
                {**_label(id, moment), "is_right": place >= wrong, **labelled}
                for place, (id, moment) in enumerate(zip(ids, moments, strict=True))
            ],
        )
    return ids


def _ticket(id: int, moment: datetime) -> dict[str, object]:
    return {
        "id": id,
        "external_id": f"row-{id}",
        "text": "Where is my parcel?",
        "subject": "",
        "extra": {},
        "received_at": moment,
        "submitted_at": moment,
    }


def _run(id: int, moment: datetime, confidence: float) -> dict[str, object]:
    return {
        "id": id,
        "ticket_id": id,
        "pipeline": "support",
        "status": RunStatus.DONE,
        "created_at": moment,
        "gated_at": moment,
        "outcome": Outcome.PASS if confidence > 0.85 else Outcome.ESCALATE,
        "confidence": confidence,
        "policy_version": 1,
    }


def _draft(id: int, moment: datetime, action: Action) -> dict[str, object]:
    reply = "It is on its way."
    return {
        "id": id,
        "run_id": id,
        "revision": 1,
        "reply": reply,
        "action": as_json(action),
        "digest": digest(reply, action),
        "gate_input": GateInput(action=action, confidence=0.5).model_dump(mode="json"),
        "author": f"model:{builders.MODEL}",
        "created_at": moment,
    }


def _label(id: int, moment: datetime) -> dict[str, object]:
    return {
        "run_id": id,
        "draft_id": id,
        "source": LabelSource.AUDIT,
        "labelled_at": moment + timedelta(hours=1),
    }
