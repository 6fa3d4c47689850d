"""Calibrators: fitted maps from signals to the probability of being right, one newest a model.

A demo calibrator, fitted on its generator's known truth or on simulated reviewers' labels, serves a
demo company only and is never evidence. Any other is used only once enough labels stand behind it.
A stored version never changes: a refit is a new one, with how it was judged and who asked for it.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from store import audit, roles
from store.errors import BadInput
from store.evidence.calibration import Stack, is_fit_for_use, progress
from store.evidence.calibration_quality import Gain, Quality
from store.schema import Calibrator, Company
from store.transitions import Role


class Report(BaseModel):
    """How a refit was judged: each confidence on labels that its calibrator was not fitted on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    map_name: str  # "Platt" or "beta"
    with_simulated: bool  # labels of simulated reviewers among them
    after: Quality  # cross-validated, on all labels
    before_version: str | None = None  # the calibrator in force then
    before: Quality | None = None  # on the labels given since it was fitted; None: under 30
    after_on_same: Quality | None = None  # the refit on those labels, cross-validated
    gain: Gain | None = None  # fall of the Brier score on those labels


class Fitted(BaseModel):
    """A calibrator with what it rests on; its JSON is what a demo company ships."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    model: str
    is_demo: bool
    stack: Stack
    labels: int
    wrong: int
    report: Report | None = None
    fitted_by: str | None = None  # None: by itself, or shipped
    fitted_at: datetime | None = None  # None: not stored yet


def active(session: Session, model: str) -> Fitted | None:
    """Return the model's newest usable calibrator; None means: every draft goes to a person."""
    company = session.get(Company, 1)
    is_demo = company is not None and company.is_demo
    for row in session.exec(_newest_first(model)):
        if (row.is_demo and is_demo) or (not row.is_demo and is_fit_for_use(row.labels, row.wrong)):
            return _parsed(row)
    return None


def versions(session: Session, model: str) -> list[Fitted]:
    """Return all calibrators of a model, newest first."""
    return [_parsed(row) for row in session.exec(_newest_first(model))]


def in_force(session: Session) -> frozenset[str]:
    """Return the versions by which the models' drafts get their confidence now."""
    models = session.exec(select(Calibrator.model).distinct()).all()
    found = [active(session, model) for model in models]
    return frozenset(one.version for one in found if one is not None)


def by_version(session: Session, version: str | None) -> Fitted | None:
    """Return the calibrator of this version, or None where there was none."""
    row = session.get(Calibrator, version) if version else None
    return _parsed(row) if row else None


def _newest_first(model: str) -> SelectOfScalar[Calibrator]:
    return (
        select(Calibrator)
        .where(Calibrator.model == model)
        .order_by(col(Calibrator.fitted_at).desc(), col(Calibrator.version))
    )


def _parsed(row: Calibrator) -> Fitted:
    return Fitted(
        version=row.version,
        model=row.model,
        is_demo=row.is_demo,
        stack=Stack.model_validate(row.body),
        labels=row.labels,
        wrong=row.wrong,
        report=Report.model_validate(row.report) if row.report else None,
        fitted_by=row.fitted_by,
        fitted_at=row.fitted_at,
    )


def publish(session: Session, fitted: Fitted, *, person: str, now: datetime) -> bool:
    """Store a refit that a manager asked for; drafts made from now on get their confidence by it.

    Raises NotAllowed for anybody else, BadInput where too few labels stand behind it or where a
    demo calibrator meets a company that is none.
    """
    roles.require_role(session, person, Role.MANAGER, Role.ADMIN)
    if not is_fit_for_use(fitted.labels, fitted.wrong):
        raise BadInput(
            f"The calibrator of `{fitted.model}` cannot be used yet:"
            f" {progress(fitted.labels, fitted.wrong)}. Nothing was changed; every draft still goes"
            " to a person unless an older calibrator is in force."
        )
    company = session.get(Company, 1)
    if fitted.is_demo and (company is None or not company.is_demo):
        raise BadInput(
            "Labels of simulated reviewers are no evidence: they may calibrate a demo company only."
            " Nothing was changed."
        )
    return save(session, fitted, now=now, person=person)


def replace(session: Session, fitted: Fitted, *, old: str | None, now: datetime) -> bool:
    """Store a refit that nobody asked for, in place of version `old`; False if another came first.

    Two workers fit from the same labels: only one version is kept.
    """
    newest = active(session, fitted.model)
    if (newest and newest.version) != old:
        return False
    return save(session, fitted, now=now)


def save(session: Session, fitted: Fitted, *, now: datetime, person: str | None = None) -> bool:
    """Store a calibrator; return False if this version is known already. None: nobody asked."""
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
            fitted_by=person,
            report=fitted.report.model_dump(mode="json") if fitted.report else None,
        )
    )
    session.flush()
    audit.append(
        session,
        actor=person or "greenlight",
        tag="calibrator:saved",
        subject=f"model:{fitted.model}",
        at=now,
        body={"version": fitted.version, "labels": fitted.labels, "wrong": fitted.wrong},
    )
    return True
