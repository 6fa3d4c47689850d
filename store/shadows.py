"""A candidate policy in the shadow of the live one: it judges every draft and decides nothing.

One at a time. It is compared with the live policy before anybody publishes it; its word on a first
draft, the one that gets a label, is recorded in the transaction of the gate, on the same facts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, insert
from sqlmodel import Session, col, select

from store import audit, policies, roles
from store.errors import IllegalTransition, NotFound
from store.evidence.sampling import Estimate, Stratum, Tally, stratified_rate
from store.gate import GateInput, PolicyBody, evaluate
from store.labels import valid, whole_draft
from store.queue import storable
from store.schema import Label, Shadow, ShadowOutcome
from store.transitions import Outcome


@dataclass(frozen=True, slots=True)
class ShadowView:
    """A candidate that runs, or ran, beside the live policy."""

    id: int
    body: PolicyBody
    note: str
    author: str
    started_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the shadow and the live policies made of the same drafts."""

    judged: int
    automatic_live: int
    automatic_shadow: int
    to_automatic: int  # a person got it, and the shadow would have sent it alone
    to_person: int  # it went out alone, and the shadow would have stopped it
    right_live: Estimate  # of what went out alone
    right_shadow: Estimate  # of what would have


def start(
    session: Session,
    body: PolicyBody,
    *,
    person: str,
    note: str = "",
    now: datetime,
    based_on: int | None = None,
) -> int:
    """Let a candidate judge beside the live policy from now on; return its id. Managers only.

    `based_on` is the version that the person compared it with; see `policies.require_active`.
    """
    roles.require_publisher(session, person)
    policies.require_active(session, based_on, now=now)
    if running(session) is not None:
        raise IllegalTransition(
            "A shadow policy is running already. Stop it first, so that two are not mixed up."
        )
    row = Shadow(
        body=body.model_dump(mode="json"), note=storable(note), author=person, started_at=now
    )
    session.add(row)
    session.flush()
    _tell(session, row, "started", person, now, {"body": row.body, "note": row.note})
    return _id(row)


def stop(session: Session, shadow_id: int, *, person: str, now: datetime) -> None:
    """Stop a shadow policy; what it said stays. Managers only."""
    roles.require_publisher(session, person)
    row = session.get(Shadow, shadow_id)
    if row is None:
        raise NotFound(f"There is no shadow policy {shadow_id}.")
    if not row.is_running:
        raise IllegalTransition(f"Shadow policy {shadow_id} was stopped before.")
    row.is_running, row.stopped_at, row.stopped_by = False, now, person
    session.add(row)
    session.flush()
    _tell(session, row, "stopped", person, now, {})


def running(session: Session) -> ShadowView | None:
    """Return the shadow policy that judges now, None where there is none."""
    row = session.exec(select(Shadow).where(col(Shadow.is_running))).first()
    return None if row is None else _view(row)


def known(session: Session) -> list[ShadowView]:
    """Return every shadow policy, newest first."""
    return [_view(row) for row in session.exec(select(Shadow).order_by(col(Shadow.id).desc()))]


def judge(session: Session, run_id: int, facts: GateInput, *, live: Outcome) -> None:
    """Record what the running shadow, if there is one, would have done with a first draft."""
    shadow = running(session)
    if shadow is None:
        return
    result = evaluate(facts, shadow.body)
    session.connection().execute(
        insert(ShadowOutcome).values(
            run_id=run_id,
            shadow_id=shadow.id,
            live=live,
            outcome=result.outcome,
            reasons=[reason.model_dump() for reason in result.reasons],
        )
    )


def compare(session: Session, shadow_id: int) -> Comparison:
    """Return what both made of the drafts judged so far; ranges are live."""
    counted: dict[tuple[Outcome, Outcome], int] = {
        (live, shadow): n
        for live, shadow, n in session.execute(
            select(col(ShadowOutcome.live), col(ShadowOutcome.outcome), func.count())
            .where(ShadowOutcome.shadow_id == shadow_id)
            .group_by(col(ShadowOutcome.live), col(ShadowOutcome.outcome))
        )
    }
    tallies = _tallies(session, shadow_id)

    def right(chosen: list[tuple[Outcome, Outcome]]) -> Estimate:
        return stratified_rate(
            [Stratum(counted.get(pair, 0), tallies.get(pair, Tally())) for pair in chosen]
        )

    pairs = [(live, shadow) for live in Outcome for shadow in Outcome]
    live = [pair for pair in pairs if pair[0] is Outcome.PASS]
    shadow = [pair for pair in pairs if pair[1] is Outcome.PASS]
    both = counted.get((Outcome.PASS, Outcome.PASS), 0)
    automatic_live = sum(counted.get(pair, 0) for pair in live)
    automatic_shadow = sum(counted.get(pair, 0) for pair in shadow)
    return Comparison(
        judged=sum(counted.values()),
        automatic_live=automatic_live,
        automatic_shadow=automatic_shadow,
        to_automatic=automatic_shadow - both,
        to_person=automatic_live - both,
        right_live=right(live),
        right_shadow=right(shadow),
    )


def _tallies(session: Session, shadow_id: int) -> dict[tuple[Outcome, Outcome], Tally]:
    weight = 1.0 / col(Label.inclusion_probability)
    right = case((col(Label.is_right), 1), else_=0)
    rows = session.execute(
        valid(
            col(ShadowOutcome.live),
            col(ShadowOutcome.outcome),
            func.count(),
            func.sum(right),
            func.sum(weight),
            func.sum(weight * right),
            func.sum(weight * weight),
        )
        .join(ShadowOutcome, col(ShadowOutcome.run_id) == col(Label.run_id))
        .where(whole_draft(), col(ShadowOutcome.shadow_id) == shadow_id)
        .group_by(col(ShadowOutcome.live), col(ShadowOutcome.outcome))
    )
    return {(live, shadow): Tally(*sums) for live, shadow, *sums in rows}


def _tell(
    session: Session, row: Shadow, what: str, person: str, now: datetime, body: dict[str, Any]
) -> None:
    audit.append(
        session,
        actor=person,
        tag=f"shadow:{what}",
        subject=f"shadow:{row.id}",
        at=now,
        body={"shadow": row.id, **body},
    )


def _view(row: Shadow) -> ShadowView:
    return ShadowView(
        id=_id(row),
        body=PolicyBody.model_validate(row.body),
        note=row.note,
        author=row.author,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
    )


def _id(row: Shadow) -> int:
    assert row.id is not None
    return row.id
