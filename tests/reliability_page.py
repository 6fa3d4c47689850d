"""The Reliability page in AppTest, and drafts for it: some judged, of these some wrong."""

from datetime import datetime, timedelta
from typing import Any

import builders
import builders_aftermath as aftermath
import pages
from sqlmodel import Session
from streamlit.testing.v1 import AppTest

from store.engine import Store
from store.transitions import Verdict

DAY = timedelta(days=1)


def page(**address: str) -> AppTest:
    def draw() -> None:
        from dashboard.app_pages import reliability

        reliability.page()

    at = pages.page(draw)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def headline(at: AppTest) -> dict[str, Any]:
    return pages.parts(at, "headline")[0]


def fix_first(at: AppTest) -> dict[str, Any]:
    return pages.parts(at, "headline")[1]


def escalated(store: Store, count: int, *, wrong: int, at: datetime) -> None:
    def write(session: Session) -> None:
        for number in range(count):
            moment = at - timedelta(minutes=number)
            built = builders.case(session, confidence=0.7, at=moment)
            verdict = Verdict.REJECT if number < wrong else Verdict.APPROVE
            blamed = "retrieval" if number < wrong else None
            aftermath.decide(session, built.review_id, verdict, blamed_step=blamed, at=at)

    store.transact(write)


def sent(
    store: Store,
    count: int,
    *,
    audited: int,
    wrong: int = 0,
    at: datetime,
    model: str = builders.MODEL,
) -> None:
    def write(session: Session) -> None:
        for number in range(count):
            is_audited = number < audited
            built = builders.case(
                session,
                confidence=0.95,
                is_audited=is_audited,
                model=model,
                at=at - timedelta(minutes=number),
            )
            if is_audited:
                verdict = Verdict.WRONG if number < wrong else Verdict.RIGHT
                aftermath.decide(session, built.review_id, verdict, blamed_step="synthesis", at=at)

    store.transact(write)


def filter_label(at: AppTest) -> str:
    """Return what the button over the filters says."""
    labels = [str(block.proto.popover.label) for block in at.get("popover")]
    (label,) = [label for label in labels if label.startswith("Filter")]
    return label
