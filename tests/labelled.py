"""Drafts that people judged, by the hundred: one case made by the builders, the others its copies."""

from datetime import datetime

import builders
import numpy as np
from builders import MODEL, NOW
from sqlalchemy import insert
from sqlmodel import Session, col, select

from store.schema import Draft, Label, Run, StepRecord, Ticket
from store.transitions import LabelSource


def labelled(
    session: Session,
    n: int,
    *,
    seed: int = 1,
    model: str = MODEL,
    slope: float = 2.0,
    is_simulated: bool = False,
    at: datetime = NOW,
) -> None:
    """Insert `n` judged drafts whose margin tells how likely they were right, about 3 in 4."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 1, n)
    right = rng.random(n) < 1 / (1 + np.exp(-(slope * margins + 1.5)))
    one = builders.case(session, model=model, at=at)
    ids = (one.ticket_id, one.run_id, one.draft_id)  # the newest: copies come after them
    ticket = session.get_one(Ticket, one.ticket_id).model_dump()
    run = session.get_one(Run, one.run_id).model_dump()
    draft = session.get_one(Draft, one.draft_id).model_dump()
    steps = session.exec(select(StepRecord).where(col(StepRecord.run_id) == one.run_id)).all()
    synthesis = next(step for step in steps if step.name == "synthesis").model_dump()
    tickets, runs, drafts, records, labels = [], [], [], [], []
    for i, (margin, is_right) in enumerate(zip(margins.tolist(), right.tolist(), strict=True), 1):
        ticket_id, run_id, draft_id = (key + i for key in ids)
        tickets.append({**ticket, "id": ticket_id, "external_id": f"{model}-{seed}-{i}"})
        runs.append({**run, "id": run_id, "ticket_id": ticket_id})
        drafts.append({**draft, "id": draft_id, "run_id": run_id})
        output = {**synthesis["output"], "signals": {"margin": margin}}
        records.append({**synthesis, "id": None, "run_id": run_id, "output": output})
        labels.append(
            {
                "run_id": run_id,
                "draft_id": draft_id,
                "is_right": is_right,
                "source": LabelSource.DECISION,
                "inclusion_probability": 1.0,
                "is_simulated": is_simulated,
                "labelled_at": at,
            }
        )
    for table, rows in ((Ticket, tickets), (Run, runs), (Draft, drafts), (StepRecord, records)):
        session.connection().execute(insert(table), rows)
    session.connection().execute(insert(Label), labels)
