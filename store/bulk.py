"""Deciding many look-alike reviews at once: planned from a filter, one decision row each.

Nobody looks at each card of a batch, so its decisions give no labels, and only what is small and
can be taken back is approved this way. The ids of its decisions name the batch, which is undone as
a whole.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store import policies, reviews, roles, undoing
from store.actions import Action
from store.admission import is_reversal
from store.decisions import is_bulk
from store.errors import BadInput, GreenlightError, StaleReview
from store.gate import PolicyBody
from store.reports.delivery import is_reversible
from store.reports.wanted import Wanted, matching
from store.reviews import DecisionRequest
from store.schema import Decision, Draft, Review, Run, Undo
from store.transitions import ReviewKind, ReviewStatus, Role, SlaStage, Verdict

MAX_BATCH = 200
VERDICTS = frozenset({Verdict.APPROVE, Verdict.REJECT})


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One review of a plan, with the digest of the draft that it stands for."""

    review_id: int
    digest: str
    title: str
    amount_minor: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Reviews that ask for the same thing: one intent, one kind of action."""

    title: str
    items: tuple[BulkItem, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch would decide, and what the filter shows that it would not, with the reason."""

    groups: tuple[Group, ...]
    left_out: tuple[tuple[str, int], ...]

    @property
    def items(self) -> tuple[BulkItem, ...]:
        return tuple(item for group in self.groups for item in group.items)


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What became of a batch: its decisions, and the reviews that were left alone, with why."""

    decision_ids: tuple[str, ...]
    skipped: tuple[tuple[int, str], ...]
    undo_until: datetime | None


@dataclass(frozen=True, slots=True)
class BulkUndone:
    """How many decisions of a batch were taken back, and for how many it was too late."""

    undone: int
    too_late: int


def plan(session: Session, wanted: Wanted, verdict: Verdict, *, person: str, now: datetime) -> Plan:
    """Return what a batch would decide of the reviews that a filter shows, at most 200."""
    ids = matching(wanted, person=person, now=now).order_by(col(Review.id)).limit(MAX_BATCH)
    rows = session.execute(
        select(Review, Run, Draft)
        .join(Run, col(Run.id) == col(Review.run_id))
        .join(Draft, col(Draft.id) == col(Review.draft_id))
        .where(col(Review.id).in_(ids))
        .order_by(col(Review.opened_at))
    ).all()
    left_out: Counter[str] = Counter()
    groups: dict[str, list[BulkItem]] = {}
    for review, run, draft in rows:
        action = Action.model_validate(draft.action)
        why = _objection(session, review, action, verdict, person, now)
        if why is not None:
            left_out[why] += 1
            continue
        groups.setdefault(_title(run, action), []).append(
            BulkItem(
                review_id=review.id,
                digest=draft.digest,
                title=review.title,
                amount_minor=action.total_minor,
                currency=action.total_currency,
            )
        )
    by_size = sorted(groups.items(), key=lambda group: -len(group[1]))
    return Plan(
        tuple(Group(title, tuple(items)) for title, items in by_size),
        tuple(left_out.most_common()),
    )


def decide(
    session: Session,
    items: Sequence[BulkItem],
    verdict: Verdict,
    *,
    batch_id: str,
    person: str,
    reason_code: str | None = None,
    note: str = "",
    now: datetime,
    undo_seconds: float = 10.0,
) -> BulkDone:
    """Decide the reviews of a plan that still are as they were planned; the others are skipped.

    A batch sent again decides nothing twice. Raises BadInput (verdict, size, reason), NotAllowed.
    """
    roles.require_role(session, person, Role.OPERATOR, Role.MANAGER, Role.ADMIN)
    if verdict not in VERDICTS or not is_bulk(batch_id):
        raise BadInput("Only approving and rejecting can be done for many reviews at once.")
    if not 0 < len(items) <= MAX_BATCH:
        raise BadInput(f"A batch has at most {MAX_BATCH} reviews. Narrow the filter first.")
    done, skipped = [], []
    for item in items:
        request = DecisionRequest(
            decision_id=f"{batch_id}:{item.review_id}",
            review_id=item.review_id,
            verdict=verdict,
            person=person,
            seen_digest=item.digest,
            reason_code=reason_code,
            note=note,
        )
        try:
            with session.begin_nested():
                _require_plannable(session, request, now)
                done.append(reviews.decide(session, request, now=now, undo_seconds=undo_seconds))
        except BadInput:
            raise  # of the whole batch: a reason is missing
        except GreenlightError as error:
            skipped.append((item.review_id, str(error)))
    return BulkDone(
        tuple(one.decision_id for one in done),
        tuple(skipped),
        min((one.undo_until for one in done), default=None),
    )


def undo(session: Session, batch_id: str, person: str, *, now: datetime) -> BulkUndone:
    """Take back every decision of a batch whose delivery has not begun."""
    mine = session.execute(
        select(col(Decision.id))
        .outerjoin(Undo, col(Undo.decision_id) == col(Decision.id))
        .where(
            col(Decision.id) >= f"{batch_id}:",
            col(Decision.id) < f"{batch_id};",  # the character after the colon: an index range
            col(Undo.decision_id).is_(None),
        )
    ).scalars()
    undone = too_late = 0
    for decision_id in list(mine):
        try:
            with session.begin_nested():
                undoing.undo(session, decision_id, person, now=now)
        except GreenlightError:
            too_late += 1
        else:
            undone += 1
    return BulkUndone(undone, too_late)


def _require_plannable(session: Session, request: DecisionRequest, now: datetime) -> None:
    """Ask again what the plan asked: the request may be older than it says, or made by hand."""
    if session.get(Decision, request.decision_id) is not None:
        return  # sent again: `decide` answers with what is stored
    review = session.get(Review, request.review_id)
    if review is None:
        return
    session.refresh(review)
    action = Action.model_validate(session.get_one(Draft, review.draft_id).action)
    why = _objection(session, review, action, request.verdict, request.person, now)
    if why is not None:
        raise StaleReview(f"Left alone: {why}.")


def _title(run: Run, action: Action) -> str:
    kinds = " + ".join(part.kind.replace("_", " ") for part in action.parts)
    return f"{(run.intent or 'no intent').replace('_', ' ')}: {kinds}"


def _objection(
    session: Session, review: Review, action: Action, verdict: Verdict, person: str, now: datetime
) -> str | None:
    """Return why a review is not decided in a batch, in words for people; None if it is."""
    is_others = review.claimed_until is not None and review.claimed_until > now
    if is_others and review.claimed_by != person:
        return "somebody else is on it"
    if review.assigned_to not in (None, person):
        return "assigned to somebody else"
    if review.kind not in (ReviewKind.ESCALATION, ReviewKind.SEEDED) or is_reversal(review):
        return "it came back, or asks something else"
    if review.status is ReviewStatus.AWAITING_SECOND:
        return "one of two people has approved it"
    return _beyond(session, review, action) if verdict is Verdict.APPROVE else None


def _beyond(session: Session, review: Review, action: Action) -> str | None:
    """Return what makes an approval one that takes a look, None for small reversible ones."""
    policy = policies.version(session, review.policy_version).body
    if review.is_blocked:
        return "blocked"
    if review.sla_stage is SlaStage.HELD:
        return "held: a manager decides"
    if policy.is_two_person(action):
        return "two people must approve it"
    if not _is_below_limits(action, policy):
        return "above the automatic limit"
    tools = [part.tool for part in action.parts if part.tool is not None]
    if not all(is_reversible(session, tool) for tool in tools):
        return "it cannot be taken back"
    return None


def _is_below_limits(action: Action, policy: PolicyBody) -> bool:
    limits = {rule.kind: rule.above_minor for rule in policy.amount_rules}
    spent: Counter[str] = Counter()
    for part in action.parts:
        spent[part.kind] += part.amount_minor or 0
    return all(amount <= limits.get(kind, amount) for kind, amount in spent.items())
