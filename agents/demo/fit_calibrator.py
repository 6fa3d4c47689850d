"""Fits the calibrator that the demo company ships: `python -m agents.demo.fit_calibrator`.

Tickets of seeds that the demo never uses are really run through the pipeline in a scratch folder
and judged against the generator's known truth. The result is marked as demo: it is no evidence.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, select

from agents.company import load
from agents.demo.cases import outputs_of
from agents.demo.history import COMPANY, submit, work_through, written
from agents.demo.tickets import DemoTicket
from agents.demo.truth import judge
from agents.models.local import NAME
from agents.opening import CALIBRATOR, open_company
from store.calibrators import Fitted
from store.evidence.calibration import fit
from store.outputs import IntentOutput, SynthesisOutput
from store.schema import Run, Ticket
from store.settings import Settings

SEED = 1_009
WORLD_SEED = 4_111
COUNT = 3_500


def main() -> None:
    """Run, judge, fit, and write the calibrator into the demo company's folder."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        now = datetime.now(UTC)
        past = written(settings.home, seed=SEED, count=COUNT, end=now, world_seed=WORLD_SEED)
        company = load(COMPANY)
        with closing(settings.open()) as store:
            open_company(store, company, home=settings.home, now=now, say=lambda _: None)
            submit(store, past)
            asyncio.run(work_through(settings, store, company))
            rows, right = store.read(judged, past)
    fitted = Fitted(
        version=f"demo-{now:%Y-%m-%d}",
        model=NAME,
        is_demo=True,
        stack=fit(rows, right, seed=SEED),
        labels=len(right),
        wrong=right.count(False),
    )
    (COMPANY / CALIBRATOR).write_text(fitted.model_dump_json(indent=2, exclude_none=True) + "\n")


def judged(
    session: Session, past: Sequence[DemoTicket]
) -> tuple[list[dict[str, float]], list[bool]]:
    """Return the signals of every in-scope draft, and whether a person would call it right."""
    truths = {ticket.external_id: ticket.truth for ticket in past}
    rows: list[dict[str, float]] = []
    right: list[bool] = []
    runs = session.exec(select(Run.id, Ticket.external_id).where(Run.ticket_id == Ticket.id)).all()
    for run_id, external_id in runs:
        assert run_id is not None
        outputs = outputs_of(session, run_id)
        draft = outputs.get("synthesis")
        intent = outputs.get("intent")
        if isinstance(intent, IntentOutput) and intent.is_out_of_scope:
            continue  # a person gets it anyhow, and its signals mean something else
        if isinstance(draft, SynthesisOutput):
            rows.append(draft.signals)
            right.append(judge(truths[external_id], outputs).is_right)
    return rows, right


if __name__ == "__main__":
    main()
