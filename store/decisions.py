"""What a decision says, as the bytes that are signed when stored and verified before delivery.

Pure. Everything that authorises is in the message: who, about which review, draft and digest, with
what verdict, when, and whether it was the last word.
"""

from datetime import UTC, datetime

from store.actions import canonical_json
from store.schema import Decision

BULK = "bulk-"  # how the id of a batch begins, and so those of its decisions


def message(decision: Decision) -> bytes:
    """Return the canonical bytes of a decision."""
    return canonical_json(
        {
            "decision": decision.id,
            "review": decision.review_id,
            "run": decision.run_id,
            "draft": decision.draft_id,
            "digest": decision.payload_digest,
            "policy": decision.policy_version,
            "verdict": str(decision.verdict),
            "action": decision.action_id,
            "person": decision.person,
            "is_final": bool(decision.is_final),
            "is_simulated": bool(decision.is_simulated),
            "decided_at": _moment(decision.decided_at),
            "undo_until": _moment(decision.undo_until),
        }
    ).encode()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def is_bulk(decision_id: str) -> bool:
    """Return whether an id is that of a batch, or of one of its decisions: nobody looked at it."""
    return decision_id.startswith(BULK)
