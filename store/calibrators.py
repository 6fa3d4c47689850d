"""Calibrators: fitted maps from signals to the probability of being right, one newest a model.

A demo calibrator, fitted on its generator's known truth, serves a demo company only and is never
evidence. Any other is used only once enough labels stand behind it.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from store import audit
from store.evidence.calibration import Stack, is_fit_for_use
from store.schema import Calibrator, Company


class Fitted(BaseModel):
    """A calibrator with what it rests on; its JSON is what a demo company ships."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    model: str
    is_demo: bool
    stack: Stack
    labels: int
    wrong: int


def active(session: Session, model: str) -> Fitted | None:
    """Return the model's newest usable calibrator; None means: every draft goes to a person."""
    company = session.get(Company, 1)
    is_demo = company is not None and company.is_demo
    rows = session.exec(
        select(Calibrator)
        .where(Calibrator.model == model)
        .order_by(col(Calibrator.fitted_at).desc())
    )
    for row in rows:
        if (row.is_demo and is_demo) or (not row.is_demo and is_fit_for_use(row.labels, row.wrong)):
            return _parsed(row)
    return None


def by_version(session: Session, version: str | None) -> Fitted | None:
    """Return the calibrator of this version, or None where there was none."""
    row = session.get(Calibrator, version) if version else None
    return _parsed(row) if row else None


def _parsed(row: Calibrator) -> Fitted:
    return Fitted(
        version=row.version,
        model=row.model,
        is_demo=row.is_demo,
        stack=Stack.model_validate(row.body),
        labels=row.labels,
        wrong=row.wrong,
    )


def save(session: Session, fitted: Fitted, *, now: datetime) -> bool:
    """Store a calibrator; return False if this version is known already."""
    if session.get(Calibrator, fitted.version) is not None:
        return False
    session.add(
        Calibrator(
            version=fitted.version,
            model=fitted.model,
            is_demo=fitted.is_demo,
            body=fitted.stack.model_dump(mode="json"),
            labels=fitted.labels,
            wrong=fitted.wrong,
            fitted_at=now,
        )
    )
    session.flush()
    audit.append(
        session,
        actor="greenlight",
        tag="calibrator:saved",
        subject=f"model:{fitted.model}",
        at=now,
        body={"version": fitted.version, "labels": fitted.labels, "wrong": fitted.wrong},
    )
    return True
