"""Drafts that the audit coin drew blind, each judged, whether it was sent or escalated.

It is the one sample that says how good confidence is, and which of two versions is better: what a
gate let through, or held back, is a choice of that gate.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from store.evidence.calibration_quality import Quality, quality
from store.labels import in_scope, valid, whole_draft
from store.reports.scope import Scope
from store.schema import Label, Run

VERSIONS = {
    "policy": Run.policy_version,
    "model": Run.model,
    "prompt": Run.prompt_version,
    "calibrator": Run.calibrator_version,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One drawn draft with its verdict and the versions it came from."""

    ticket_id: int
    confidence: float | None
    is_right: bool
    weight: float  # 1 / the coin's rate at the time
    versions: dict[str, str]


def judged(session: Session, scope: Scope, *conditions: ColumnElement[bool]) -> tuple[Judged, ...]:
    """Return the judged drafts that the coin drew, oldest first."""
    versions = [col(column) for column in VERSIONS.values()]
    rows = session.execute(
        valid(
            col(Run.ticket_id),
            col(Run.confidence),
            col(Label.is_right),
            col(Run.coin_rate),
            *versions,
        )
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(whole_draft(), col(Run.coin) < col(Run.coin_rate), *conditions, *scope.where())
        .order_by(col(Run.id))
    )
    return tuple(
        Judged(
            ticket_id=ticket_id,
            confidence=confidence,
            is_right=is_right,
            weight=1 / coin_rate,
            versions=_known(found),
        )
        for ticket_id, confidence, is_right, coin_rate, *found in rows
    )


def _known(found: list[object]) -> dict[str, str]:
    pairs = zip(VERSIONS, found, strict=True)
    return {kind: str(version) for kind, version in pairs if version is not None}


def confidence_quality(session: Session, scope: Scope) -> Quality:
    """Return what the stated confidence was worth, over drafts in scope that had one."""
    stated = [
        (one.confidence, one.is_right, one.weight)
        for one in judged(session, scope, in_scope())
        if one.confidence is not None
    ]
    said, right, weights = zip(*stated, strict=True) if stated else ((), (), ())
    return quality(said, right, weights)
