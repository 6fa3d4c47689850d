"""Every status and every legal move between them. Pure: no clock, no database.

A move that is not in these tables does not exist: verbs ask `require` before they write, and the
database's CHECK constraints refuse a status that is not listed here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from store.errors import IllegalTransition

S = TypeVar("S", bound=StrEnum)


class RunStatus(StrEnum):
    QUEUED = "queued"  # waiting for a worker
    RUNNING = "running"  # a worker holds the lease
    AWAITING_REVIEW = "awaiting_review"  # parked for a person; holds no worker
    COMMITTING = "committing"  # authorised; its outbox entries are not all delivered
    DONE = "done"  # everything authorised was delivered
    REJECTED = "rejected"  # a person refused the draft; nothing was or will be delivered
    FAILED = "failed"  # a step or delivery failed for good; visible, nothing pending
    DEAD = "dead"  # crashed its worker three times while alone
    CANCELLED = "cancelled"  # withdrawn by a person


class StepStatus(StrEnum):
    OK = "ok"  # it ran; says nothing about being right
    ERROR = "error"  # this attempt raised
    TIMEOUT = "timeout"  # this attempt exceeded the step's limit


class ReviewKind(StrEnum):
    ESCALATION = "escalation"  # the gate wanted a person
    AUDIT = "audit"  # the coin drew an automatic draft; blind
    SECOND_LOOK = "second_look"  # a "wrong" verdict is checked once more
    SEEDED = "seeded"  # a known-wrong card that measures reviewers
    STALE = "stale"  # the world moved after the decision, or what was done should be undone
    UNKNOWN_DELIVERY = "unknown_delivery"  # nobody knows whether the action happened


BLIND = frozenset({ReviewKind.AUDIT, ReviewKind.SECOND_LOOK})  # judged, confidence hidden
ASIDE = BLIND | {ReviewKind.SEEDED}  # beside the run: nothing is ever delivered by them


class SlaStage(StrEnum):
    FRESH = "fresh"  # inside its time
    REMINDED = "reminded"  # most of its time has passed, and people were told
    REROUTED = "rerouted"  # overdue: taken from whoever had it and given to everybody
    HELD = "held"  # far overdue: a manager decides; never approved by time


class ReviewStatus(StrEnum):
    OPEN = "open"  # anybody may take it
    CLAIMED = "claimed"  # a named person is on it
    AWAITING_SECOND = "awaiting_second"  # one of two people has approved
    DECIDED = "decided"  # final
    SUPERSEDED = "superseded"  # an undo or newer draft replaced it
    EXPIRED = "expired"  # nobody came; never approves


class Verdict(StrEnum):
    APPROVE = "approve"  # deliver exactly what was shown
    EDIT = "edit"  # deliver the person's revision instead
    REJECT = "reject"  # deliver nothing
    RIGHT = "right"  # audit: what was sent was right
    WRONG = "wrong"  # audit: it was not
    HAPPENED = "happened"  # unknown delivery: it took place
    SEND_AGAIN = "send_again"  # unknown delivery: it did not; send it again
    REVERSE = "reverse"  # take back what was, or may have been, done


class OutboxStatus(StrEnum):
    PENDING = "pending"  # authorised, inside or past its undo window
    SENDING = "sending"  # attempt and lease committed, call under way
    SENT = "sent"  # receipt stored
    FAILED = "failed"  # the tool refused for good; it did not happen
    UNKNOWN = "unknown"  # it may have happened; a person must say
    CANCELLED = "cancelled"  # undone before delivery began


class PolicyStatus(StrEnum):
    DRAFT = "draft"  # proposed: a second manager has to agree
    ACTIVE = "active"  # the one that gates new drafts
    RETIRED = "retired"  # immutable history


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a gate outcome, not a secret; goes out alone
    ESCALATE = "escalate"  # a person decides
    BLOCK = "block"  # a person may only reject or answer


class Role(StrEnum):
    OPERATOR = "operator"  # decides reviews
    MANAGER = "manager"  # also publishes policies
    ADMIN = "admin"  # also manages people


class SignInMethod(StrEnum):
    OIDC = "oidc"  # an identity provider vouches
    PROXY = "proxy"  # a reverse proxy vouches, by a shared secret


class LabelSource(StrEnum):
    DECISION = "decision"  # an escalated draft was decided
    AUDIT = "audit"  # the coin drew it
    OUTCOME = "outcome"  # the world told later


class OutcomeKind(StrEnum):
    REOPENED = "reopened"  # the customer came back: it was wrong
    CHARGED_BACK = "charged_back"  # the money was taken back: it was wrong
    CONFIRMED = "confirmed"  # somebody made sure that it was right


class CertificateMove(StrEnum):
    SUSPENDED = "suspended"  # the promise is broken or in doubt: a person decides everything
    REOPENED = "reopened"  # a manager lets drafts go out alone again, without a promise
    LAPSED = "lapsed"  # what it rests on is no longer in use, so it says nothing any more
    WITHDRAWN = "withdrawn"  # another policy took its place


RUN_MOVES: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset(
        {
            RunStatus.RUNNING,
            RunStatus.CANCELLED,
            RunStatus.AWAITING_REVIEW,  # undo of a rejection that asked for a redraft
        }
    ),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.QUEUED,
            RunStatus.AWAITING_REVIEW,
            RunStatus.COMMITTING,
            RunStatus.FAILED,
            RunStatus.DEAD,
            RunStatus.CANCELLED,
        }
    ),
    RunStatus.AWAITING_REVIEW: frozenset(
        {
            RunStatus.COMMITTING,
            RunStatus.REJECTED,
            RunStatus.QUEUED,
            RunStatus.CANCELLED,
            RunStatus.DONE,  # a wish to reverse it was refused
            RunStatus.FAILED,
        }
    ),
    RunStatus.COMMITTING: frozenset({RunStatus.DONE, RunStatus.FAILED, RunStatus.AWAITING_REVIEW}),
    RunStatus.DONE: frozenset({RunStatus.AWAITING_REVIEW}),  # to take it back
    RunStatus.REJECTED: frozenset({RunStatus.AWAITING_REVIEW}),  # undo of a rejection
    RunStatus.FAILED: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED, RunStatus.AWAITING_REVIEW}),
    RunStatus.DEAD: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED}),
    RunStatus.CANCELLED: frozenset(),
}

REVIEW_MOVES: Mapping[ReviewStatus, frozenset[ReviewStatus]] = {
    ReviewStatus.OPEN: frozenset(
        {
            ReviewStatus.CLAIMED,
            ReviewStatus.AWAITING_SECOND,
            ReviewStatus.DECIDED,
            ReviewStatus.SUPERSEDED,
            ReviewStatus.EXPIRED,
        }
    ),
    ReviewStatus.CLAIMED: frozenset(
        {
            ReviewStatus.OPEN,
            ReviewStatus.AWAITING_SECOND,
            ReviewStatus.DECIDED,
            ReviewStatus.SUPERSEDED,
            ReviewStatus.EXPIRED,
        }
    ),
    ReviewStatus.AWAITING_SECOND: frozenset(
        {ReviewStatus.DECIDED, ReviewStatus.SUPERSEDED, ReviewStatus.EXPIRED}
    ),
    ReviewStatus.DECIDED: frozenset({ReviewStatus.SUPERSEDED}),
    ReviewStatus.SUPERSEDED: frozenset(),
    ReviewStatus.EXPIRED: frozenset(),
}

OUTBOX_MOVES: Mapping[OutboxStatus, frozenset[OutboxStatus]] = {
    OutboxStatus.PENDING: frozenset({OutboxStatus.SENDING, OutboxStatus.CANCELLED}),
    OutboxStatus.SENDING: frozenset(
        {
            OutboxStatus.SENT,
            OutboxStatus.FAILED,
            OutboxStatus.UNKNOWN,
            OutboxStatus.PENDING,
            OutboxStatus.CANCELLED,  # stopped before the call: the world had moved
        }
    ),
    OutboxStatus.UNKNOWN: frozenset({OutboxStatus.SENT, OutboxStatus.FAILED}),
    OutboxStatus.SENT: frozenset(),
    OutboxStatus.FAILED: frozenset({OutboxStatus.UNKNOWN}),  # a person's answer was undone
    OutboxStatus.CANCELLED: frozenset(),
}

OPEN_REVIEW = frozenset({ReviewStatus.OPEN, ReviewStatus.CLAIMED, ReviewStatus.AWAITING_SECOND})


def require(moves: Mapping[S, frozenset[S]], now: S, wanted: S) -> S:
    """Return `wanted` if the table allows the move; raise IllegalTransition otherwise."""
    if wanted not in moves[now]:
        raise IllegalTransition(
            f"It is `{now}`, and from there it cannot become `{wanted}`. Nothing was changed."
        )
    return wanted
