"""The action kinds that a policy speaks of: one that nothing can propose is a slip of the pen."""

from sqlmodel import Session, select

from store import holds
from store.errors import BadInput
from store.gate import PolicyBody
from store.past import ALL
from store.schema import Policy
from store.transitions import PolicyStatus


def require_known(session: Session, body: PolicyBody) -> None:
    """Raise BadInput where a rule or a promise is for an action kind that does not exist.

    Those of the active policy may stay: a company that drops a tool can still publish.
    """
    row = session.exec(select(Policy).where(Policy.status == PolicyStatus.ACTIVE)).first()
    kept = _named(PolicyBody.model_validate(row.body)) if row else {}
    known = holds.kinds(session)
    for kind, place in _named(body).items():
        if kind not in known and kind not in kept:
            raise BadInput(
                f"There is no action kind `{kind}`, which `{place}` is about. Known:"
                f" {', '.join(sorted(known))}. Nothing was changed."
            )


def _named(body: PolicyBody) -> dict[str, str]:
    """Return every action kind that the policy names, with the rule that does."""
    places = {
        "thresholds": body.thresholds,
        "amount_rules": [rule.kind for rule in body.amount_rules],
        "always_person": body.always_person,
        "undo_seconds": body.undo_seconds,
        "delay_seconds": body.delay_seconds,
        "promises": [kind for kind in body.promises if kind != ALL],
    }
    return {kind: place for place, kinds in places.items() for kind in kinds}
