"""Whether what a report was asked about has ever been: a slip of the pen gives zeros only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from store.reports.scope import Scope
from store.reports.versions import in_use
from store.schema import Run

_TITLES = {"intent": "intent", "action": "action kind", "policy": "policy version"}


def unknown_values(session: Session, scope: Scope) -> list[str]:
    """Return a sentence for each value that no run ever had, with those that there are."""
    pipelines = sorted(session.execute(select(col(Run.pipeline)).distinct()).scalars())
    if not pipelines:
        return []  # nothing ran yet, so zeros are no surprise
    if scope.pipeline not in pipelines:
        return [_unknown("pipeline", scope.pipeline, pipelines)]
    known = in_use(session, Scope(pipeline=scope.pipeline))
    asked = {name: scope.as_json()[name] for name in ("intent", "action", "policy", "model")}
    return [
        _unknown(_TITLES.get(name, name), value, known[name])
        for name, value in asked.items()
        if value is not None and str(value) not in known[name]
    ]


def _unknown(what: str, value: Any, known: Sequence[str]) -> str:
    there_are = f"Known: {', '.join(known)}." if known else "None is known yet."
    return f"No run has the {what} `{value}`. {there_are}"
