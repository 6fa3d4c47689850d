"""Drafts that went out alone, were drawn for an audit, and what people said of them."""

from dataclasses import replace
from datetime import datetime

import builders
import gated

from store import reviews
from store.engine import Store
from store.gate import PolicyBody
from store.transitions import Verdict


def judged(
    store: Store, now: datetime, *, wrong: int, right: int, is_simulated: bool = False
) -> None:
    """Have that many drafts go out alone, and Ana say of each what it was worth."""
    for number in range(wrong + right):
        case = gated.passed(
            store,
            policy=PolicyBody(audit_rate=1.0),
            customer_id=f"C-{number}",  # each has a daily cap of its own
            action=builders.refund(customer_id=f"C-{number}"),
        )
        said, blamed = (Verdict.WRONG, "synthesis") if number < wrong else (Verdict.RIGHT, None)
        request = replace(case.verdict(said, blamed_step=blamed), is_simulated=is_simulated)
        store.transact(reviews.decide, request, now=now)
