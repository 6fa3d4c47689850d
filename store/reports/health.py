"""Is it running: workers, backlog, what is stuck, and how far calibration has come."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker or executor process; alive means it has beaten lately and has not stopped."""

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
    oldest_waiting_s: float | None  # the oldest queued run
    oldest_review_s: float | None  # the oldest open review
    dead: int
    failed: int
    unknown: int  # deliveries nobody knows the end of
    pending_outbox: int
    calibration: tuple[CalibrationView, ...]


def health(session: Session, *, now: datetime) -> Health:
    """Return the state of the machinery."""
    raise NotImplementedError
