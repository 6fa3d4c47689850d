"""Labels: what people's verdicts say about a draft and its steps; append-only, with their source.

A label is about the draft as the pipeline made it, so a person's own revision is never labelled.
Only steps that had run when the verdict fell are labelled: nobody has judged the others. An undone
decision's labels stay stored and are left out of every count by `valid`.

A later outcome that says wrong replaces a verdict of right, whichever came first. Of a draft that
nobody judged it is kept with no inclusion probability: by what chance customers complain is
unknown, so it is in no rate. Where anything but the first draft as it was made went out, it is
about that, and labels nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, insert, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store.decisions import is_bulk
from store.outputs import STEPS
from store.schema import (
    Decision,
    Draft,
    Label,
    LaterOutcome,
    OutboxEntry,
    Review,
    Run,
    StepRecord,
    Undo,
)
from store.transitions import (
    LabelSource,
    OutboxStatus,
    OutcomeKind,
    ReviewKind,
    ReviewStatus,
    StepStatus,
    Verdict,
)

WORDING = "wording"  # reason of an edit that changed no fact and no action
CUSTOMER = "customer"  # blamed instead of a step: the draft was right for what was asked

WRONG_OUTCOMES = frozenset({OutcomeKind.REOPENED, OutcomeKind.CHARGED_BACK})

_SOURCES = {
    ReviewKind.ESCALATION: LabelSource.DECISION,
    ReviewKind.AUDIT: LabelSource.AUDIT,
    ReviewKind.SECOND_LOOK: LabelSource.AUDIT,
}


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What a calibrator is fitted on: one entry per labelled draft, in order of labelling."""

    signals: list[dict[str, float]]
    is_right: list[bool]
    weights: list[float]  # 1 / inclusion probability
    labelled_at: list[datetime]


def from_verdict(
    verdict: Verdict,
    *,
    reason_code: str | None = None,
    blamed_step: str | None = None,
    steps: Sequence[str] = STEPS,
) -> list[tuple[str | None, bool]]:
    """Return (step, is right) pairs, None standing for the whole draft.

    Approve and right say that every step was right; so does an edit for wording alone, and a
    refusal for which the customer is to blame. Otherwise the draft was wrong: steps before the
    blamed one were right, it was wrong, and nothing is known of those after it. A blamed step that
    is not in `steps` blames none.
    """
    if _is_right(verdict, reason_code, blamed_step):
        return [(None, True), *((step, True) for step in steps)]
    whole: list[tuple[str | None, bool]] = [(None, False)]
    if blamed_step is None or blamed_step not in steps:
        return whole
    first_wrong = list(steps).index(blamed_step)
    return [*whole, *((step, True) for step in steps[:first_wrong]), (blamed_step, False)]


def _is_right(verdict: Verdict, reason_code: str | None, blamed_step: str | None) -> bool:
    if verdict in (Verdict.APPROVE, Verdict.RIGHT):
        return True
    if verdict is Verdict.EDIT:
        return reason_code == WORDING
    return blamed_step == CUSTOMER


def record(session: Session, decision: Decision, review: Review, *, now: datetime) -> int:
    """Store the labels that a final decision gives, in its transaction; return how many.

    Reviews that are not about the pipeline's draft (seeded, stale, unknown delivery) give none, nor
    does the first of two approvals, a decision of a batch, whose cards nobody looked at, or one on
    a second draft. Where a person's edit awaits a second person, it is the edit that says what the
    draft was worth, not the approval of its result.
    """
    source = _SOURCES.get(review.kind)
    if source is None or not decision.is_final or is_bulk(decision.id):
        return 0
    draft_id, telling = _about(session, decision, review)
    draft = session.get_one(Draft, draft_id)
    if draft.revision > 1 and is_by_model(draft.author):
        return 0  # the run's first draft, which nobody had helped with, was its one trial
    steps = _judged_steps(session, review.run_id)
    pairs = from_verdict(
        telling.verdict,
        reason_code=telling.reason_code,
        blamed_step=telling.blamed_step,
        steps=steps,
    )
    rows = [
        {
            "run_id": review.run_id,
            "draft_id": draft_id,
            "decision_id": decision.id,
            "step": step,
            "is_right": is_right,
            "source": source,
            "inclusion_probability": review.inclusion_probability,
            "is_simulated": decision.is_simulated,
            "labelled_at": now,
            "person": decision.person,
        }
        for step, is_right in pairs
    ]
    session.connection().execute(insert(Label), rows)
    known = select(LaterOutcome).where(col(LaterOutcome.run_id) == review.run_id)
    for later in session.execute(known).scalars().all():
        if later.kind in WRONG_OUTCOMES:
            record_outcome(session, later, is_simulated=decision.is_simulated, now=now)
    return len(rows)


def record_outcome(
    session: Session, later: LaterOutcome, *, is_simulated: bool = False, now: datetime
) -> None:
    """Label the run's first draft by what became of it; see above for what replaces what."""
    if _revisions_sent(session, later.run_id) != {1}:
        return
    judged = session.execute(
        valid(col(Label.decision_id), col(Label.is_right), col(Label.inclusion_probability)).where(
            col(Label.run_id) == later.run_id, whole_draft(), col(Label.decision_id).is_not(None)
        )
    ).first()
    is_right = later.kind not in WRONG_OUTCOMES
    replaces = judged is not None and judged.is_right and not is_right
    draft = select(col(Draft.id)).where(col(Draft.run_id) == later.run_id, col(Draft.revision) == 1)
    session.connection().execute(
        insert(Label).values(
            run_id=later.run_id,
            draft_id=session.execute(draft).scalar_one(),
            decision_id=judged.decision_id if judged is not None and replaces else None,
            is_right=is_right,
            source=LabelSource.OUTCOME,
            inclusion_probability=(
                judged.inclusion_probability if judged is not None and replaces else None
            ),
            is_simulated=is_simulated,
            labelled_at=now,
            person=later.person,
            outcome_id=later.id,
        )
    )


def _revisions_sent(session: Session, run_id: int) -> set[int]:
    """Return the revisions of which anything was delivered; taking back delivers nothing."""
    rows = session.execute(
        select(col(Draft.revision))
        .join(OutboxEntry, col(OutboxEntry.draft_id) == col(Draft.id))
        .where(
            col(OutboxEntry.run_id) == run_id,
            col(OutboxEntry.status) == OutboxStatus.SENT,
            col(OutboxEntry.reverses).is_(None),
        )
    )
    return set(rows.scalars())


def _about(session: Session, decision: Decision, review: Review) -> tuple[int, Decision]:
    """Return the pipeline's draft, and the decision that tells what it was worth."""
    drafts = (
        session.execute(
            select(Draft)
            .where(col(Draft.run_id) == review.run_id, col(Draft.revision) <= review.revision)
            .order_by(col(Draft.revision).desc())
        )
        .scalars()
        .all()
    )
    made = next((draft for draft in drafts if is_by_model(draft.author)), None)
    if made is None or made.id is None or made.id == review.draft_id:
        return review.draft_id, decision
    edit = (
        session.execute(
            select(Decision)
            .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
            .where(
                col(Decision.run_id) == review.run_id,
                col(Decision.verdict) == Verdict.EDIT,
                col(Undo.decision_id).is_(None),
            )
            .order_by(col(Decision.decided_at).desc())
        )
        .scalars()
        .first()
    )
    return made.id, edit or decision


def is_by_model(author: str) -> bool:
    """Return whether a draft's author is the pipeline, not a person."""
    return author.startswith("model:")


def _judged_steps(session: Session, run_id: int) -> list[str]:
    names = session.execute(
        select(col(StepRecord.name))
        .where(col(StepRecord.run_id) == run_id, col(StepRecord.status) == StepStatus.OK)
        .order_by(col(StepRecord.id))
    ).scalars()
    return list(dict.fromkeys(names))


def valid(*columns: Any) -> Select[Any]:
    """Return a select over the labels that count, each with its inclusion probability.

    Their decision was not undone, nobody has looked again since (a second look's word replaces the
    first), and no later outcome has told better.
    """
    again = aliased(Review)
    looked_again = and_(
        col(again.after_decision) == col(Label.decision_id),
        col(again.kind) == ReviewKind.SECOND_LOOK,
        col(again.status) == ReviewStatus.DECIDED,
    )
    told = aliased(Label)
    told_better = and_(
        col(told.decision_id) == col(Label.decision_id),
        col(told.source) == LabelSource.OUTCOME,
        col(Label.source) != LabelSource.OUTCOME,
    )
    return (
        select(*columns)
        .select_from(Label)
        .outerjoin(Undo, col(Undo.decision_id) == col(Label.decision_id))
        .outerjoin(again, looked_again)
        .where(
            col(Undo.decision_id).is_(None),
            col(again.id).is_(None),
            col(Label.inclusion_probability).is_not(None),
            ~exists().where(told_better),
        )
    )


def whole_draft() -> ColumnElement[bool]:
    """Return the condition that a label is about the draft as a whole."""
    return col(Label.step).is_(None)


def in_scope() -> ColumnElement[bool]:
    """Return the condition that a run found an intent.

    Confidence is about those drafts only: the others go to a person whatever it says, and their
    signals mean something else. Where the intent was read anew, the first reading counts.
    """
    read_at_first = exists().where(
        col(StepRecord.run_id) == col(Run.id),
        col(StepRecord.visit) == 1,
        col(StepRecord.name) == "intent",
        col(StepRecord.status) == StepStatus.OK,
        col(StepRecord.output)["intent"].as_string().is_not(None),
    )
    return or_(
        and_(col(Run.visit) == 1, col(Run.intent).is_not(None)),
        and_(col(Run.visit) > 1, read_at_first),
    )


def training_rows(session: Session, model: str, *, with_simulated: bool = False) -> TrainingRows:
    """Return the labelled in-scope drafts of one model with the signals its steps recorded.

    Simulated reviewers' labels are left out unless asked for: they are never evidence.
    """
    statement = (
        valid(
            col(Label.run_id),
            col(Label.is_right),
            col(Label.inclusion_probability),
            col(Label.labelled_at),
        )
        .join(Run, col(Run.id) == col(Label.run_id))
        .where(whole_draft(), in_scope(), col(Run.model) == model)
        .order_by(col(Label.id))
    )
    if not with_simulated:
        statement = statement.where(~col(Label.is_simulated))
    labelled = session.execute(statement).all()
    signals = _signals(session, model)
    known = [row for row in labelled if signals.get(row.run_id)]
    return TrainingRows(
        signals=[signals[row.run_id] for row in known],
        is_right=[row.is_right for row in known],
        weights=[1 / row.inclusion_probability for row in known],
        labelled_at=[row.labelled_at for row in known],
    )


def _signals(session: Session, model: str) -> dict[int, dict[str, float]]:
    """Return per run the signals of its steps, a later step's word replacing an earlier one's."""
    labelled = select(col(Label.run_id)).where(whole_draft())
    rows = session.execute(
        select(col(StepRecord.run_id), col(StepRecord.output)["signals"])
        .join(Run, col(Run.id) == col(StepRecord.run_id))
        .where(
            col(Run.model) == model,
            col(StepRecord.status) == StepStatus.OK,
            col(StepRecord.visit) == 1,  # a label is about the first draft
            col(StepRecord.run_id).in_(labelled),
        )
        .order_by(col(StepRecord.id))
    )
    merged: dict[int, dict[str, float]] = {}
    for run_id, signals in rows:
        merged.setdefault(run_id, {}).update(signals or {})
    return merged
