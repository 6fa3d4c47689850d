"""Is it running: workers, backlog, what is stuck, and how far calibration has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from store.evidence.calibration import (
    NEEDED_LABELS,
    NEEDED_WRONG,
    is_fit_for_use,
    progress,
)
from store.labels import in_scope, valid, whole_draft
from store.notifications import Unsent, unsent
from store.schema import Calibrator, Label, OutboxEntry, Review, Run, Worker
from store.transitions import OPEN_REVIEW, OutboxStatus, RunStatus

ALIVE_SECONDS = 30.0  # without a heartbeat for longer, a process counts as gone
_REMEMBERED = timedelta(days=1)  # processes gone longer are not shown
_RECENT_RUNS = 200  # in which models without a label or calibrator are looked for
_UNFINISHED = (
    RunStatus.QUEUED,
    RunStatus.RUNNING,
    RunStatus.AWAITING_REVIEW,
    RunStatus.COMMITTING,
    RunStatus.FAILED,
    RunStatus.DEAD,
)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A process at work; alive means it has beaten lately and has not stopped."""

    id: str
    kind: str
    pid: int
    started_at: datetime
    heartbeat_age_s: float
    is_alive: bool
    in_flight: int


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """How far one model's calibration is; simulated labels are counted apart."""

    model: str
    labels: int  # by people, on drafts of this model
    wrong: int
    simulated: int
    needed: int  # 200
    needed_wrong: int  # 20
    is_fit: bool
    version: str | None  # of the newest calibrator
    is_demo: bool  # that calibrator was fitted on the generator's truth
    note: str  # "37 of 200 labels"


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the machinery now."""

    workers: tuple[WorkerView, ...]  # alive first, then stopped within the last day
    queued: int
    running: int
    awaiting_review: int
    committing: int
    oldest_waiting_s: float | None  # the oldest queued run, second drafts aside
    oldest_review_s: float | None  # the oldest open review
    dead: int
    failed: int
    unknown: int  # deliveries nobody knows the end of
    pending_outbox: int
    notifications: Unsent
    calibration: tuple[CalibrationView, ...]


def health(session: Session, *, now: datetime) -> Health:
    """Return the state of the machinery."""
    runs = {status: _runs(session, status) for status in _UNFINISHED}
    return Health(
        workers=_workers(session, now),
        queued=runs[RunStatus.QUEUED],
        running=runs[RunStatus.RUNNING],
        awaiting_review=runs[RunStatus.AWAITING_REVIEW],
        committing=runs[RunStatus.COMMITTING],
        oldest_waiting_s=_age_s(_oldest_queued(session), now),
        oldest_review_s=_age_s(_oldest_review(session), now),
        dead=runs[RunStatus.DEAD],
        failed=runs[RunStatus.FAILED],
        unknown=_deliveries(session, OutboxStatus.UNKNOWN),
        pending_outbox=_deliveries(session, OutboxStatus.PENDING),
        notifications=unsent(session, now=now),
        calibration=_calibration(session),
    )


def _runs(session: Session, status: RunStatus) -> int:
    """Count one status at a time: each is a range of an index, `GROUP BY` would scan them all."""
    counted = select(func.count()).select_from(Run).where(col(Run.status) == status)
    count: int = session.execute(counted).scalar_one()
    return count


def _deliveries(session: Session, status: OutboxStatus) -> int:
    counted = select(func.count()).select_from(OutboxEntry).where(col(OutboxEntry.status) == status)
    count: int = session.execute(counted).scalar_one()
    return count


def _oldest_queued(session: Session) -> datetime | None:
    queued = select(func.min(col(Run.created_at))).where(
        col(Run.status) == RunStatus.QUEUED,
        col(Run.visit) == 1,  # a second draft's ticket is old, and has not waited for a worker
    )
    return session.execute(queued).scalar()


def _oldest_review(session: Session) -> datetime | None:
    waiting = select(func.min(col(Review.opened_at))).where(col(Review.status).in_(OPEN_REVIEW))
    return session.execute(waiting).scalar()


def _age_s(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def _workers(session: Session, now: datetime) -> tuple[WorkerView, ...]:
    rows = session.execute(
        select(Worker)
        .where(col(Worker.heartbeat_at) > now - _REMEMBERED)
        .order_by(col(Worker.started_at))
    ).scalars()
    views = []
    for row in rows:
        age_s = max(0.0, (now - row.heartbeat_at).total_seconds())
        views.append(
            WorkerView(
                id=row.id,
                kind=row.kind,
                pid=row.pid,
                started_at=row.started_at,
                heartbeat_age_s=age_s,
                is_alive=row.stopped_at is None and age_s <= ALIVE_SECONDS,
                in_flight=row.in_flight,
            )
        )
    return tuple(sorted(views, key=lambda view: not view.is_alive))


def _calibration(session: Session) -> tuple[CalibrationView, ...]:
    labelled: dict[str, list[tuple[bool, bool]]] = {}
    rows = session.execute(
        valid(col(Run.model), col(Label.is_right), col(Label.is_simulated))
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(whole_draft(), in_scope(), col(Run.model).is_not(None))
    )
    for model, is_right, is_simulated in rows:
        labelled.setdefault(model, []).append((is_right, is_simulated))
    newest = {
        row.model: row
        for row in session.execute(select(Calibrator).order_by(col(Calibrator.fitted_at))).scalars()
    }
    recent = select(col(Run.model)).order_by(col(Run.id).desc()).limit(_RECENT_RUNS)
    seen = {model for model in session.execute(recent).scalars() if model}
    return tuple(
        _calibration_view(model, labelled.get(model, []), newest.get(model))
        for model in sorted(seen | set(labelled) | set(newest))
    )


def _calibration_view(
    model: str, labels: list[tuple[bool, bool]], calibrator: Calibrator | None
) -> CalibrationView:
    by_people = [is_right for is_right, is_simulated in labels if not is_simulated]
    wrong = by_people.count(False)
    return CalibrationView(
        model=model,
        labels=len(by_people),
        wrong=wrong,
        simulated=len(labels) - len(by_people),
        needed=NEEDED_LABELS,
        needed_wrong=NEEDED_WRONG,
        is_fit=is_fit_for_use(len(by_people), wrong),
        version=None if calibrator is None else calibrator.version,
        is_demo=calibrator is not None and calibrator.is_demo,
        note=progress(len(by_people), wrong),
    )
