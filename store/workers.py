"""Processes at work, by heartbeat on the database's clock: who is alive, and who died here."""

import os
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from store.engine import db_now
from store.schema import Worker


def start(session: Session, *, worker: str, kind: str, host: str, pid: int, now: datetime) -> None:
    """Enter a process that begins to work."""
    session.add(Worker(id=worker, kind=kind, host=host, pid=pid, started_at=now, heartbeat_at=now))
    session.flush()
    beat(session, worker, in_flight=0)


def beat(session: Session, worker: str, *, in_flight: int) -> None:
    """Say that the process is alive, and how much it has in flight."""
    session.connection().execute(
        update(Worker)
        .where(col(Worker.id) == worker)
        .values(heartbeat_at=db_now(session), in_flight=in_flight)
    )


def stop(session: Session, worker: str) -> None:
    """Say that the process ended as it should."""
    session.connection().execute(
        update(Worker)
        .where(col(Worker.id) == worker)
        .values(stopped_at=db_now(session), in_flight=0)
    )


def running_on(session: Session, host: str) -> list[tuple[str, int]]:
    """Return (worker, pid) of every process of this host that has not said it stopped, by start."""
    rows = session.connection().execute(
        select(col(Worker.id), col(Worker.pid))
        .where(col(Worker.host) == host, col(Worker.stopped_at).is_(None))
        .order_by(col(Worker.started_at))
    )
    return [(row[0], row[1]) for row in rows]


def is_alive(pid: int) -> bool:
    """Return whether a process of this host has this id; one that was reused counts as alive."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
