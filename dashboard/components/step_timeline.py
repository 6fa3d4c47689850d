"""The steps of a run as a strip, the doubtful one marked. Pure."""

from collections.abc import Sequence

from dashboard import words
from store.reports.card import StepView
from store.transitions import StepStatus


def strip(steps: Sequence[StepView]) -> list[dict[str, object]]:
    """Return what the strip shows of each step; "ran" never says "right"."""
    return [
        {
            "title": step.title,
            "state": _state(step.status),
            "note": _note(step),
            "tries": f"{step.attempts} tries" if step.attempts > 1 else "",
            "doubtful": step.is_doubtful,
            "hint": _hint(step),
        }
        for step in steps
    ]


def _state(status: StepStatus | None) -> str:
    if status is None:
        return "waiting"
    return "ran" if status is StepStatus.OK else "failed"


def _note(step: StepView) -> str:
    if step.status is None:
        return "not yet"
    if step.status is not StepStatus.OK:
        return step.status.value
    return words.duration(step.latency_ms)


def _hint(step: StepView) -> str:
    if step.status is None:
        return f"{step.title} has not run"
    tries = "1 attempt" if step.attempts == 1 else f"{step.attempts} attempts"
    doubt = "; the weakest evidence is here" if step.is_doubtful else ""
    return (
        f"{step.title}: {step.status.value} after {tries}, {words.duration(step.latency_ms)}{doubt}"
    )
