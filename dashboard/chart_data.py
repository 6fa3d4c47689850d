"""What the charts of the Reliability page are drawn from, as tables to download. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from store.evidence.calibration_quality import Quality
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate
from store.export import safe_cell
from store.reports.drifting import Drift
from store.reports.flow import Stream
from store.reports.reliability import ReliabilityReport
from store.reports.signs import BINS, Escalated, Signs

Row = Mapping[str, Any]
_BOM = "\ufeff"  # without it spreadsheets take UTF-8 for something else


def as_csv(rows: Sequence[Row]) -> bytes:
    """Return the table as a file that is safe in a spreadsheet; no rows, no heading."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return (_BOM + lines.getvalue()).encode()


def _cell(value: object) -> object:
    return safe_cell(value) if isinstance(value, str) else value


def end_to_end(report: ReliabilityReport) -> list[Row]:
    """Return the trend of the whole, and of what was sent wrong, with the period as last row."""
    points = [
        _period(str(point.start), str(point.end), point.end_to_end, point.sent_wrong)
        for point in report.trend
    ]
    return [*points, _period("", "", report.end_to_end, report.sent_wrong)]


def _period(start: str, end: str, right: Estimate, wrong: WrongRate) -> Row:
    return {
        "from": start,
        "until": end,
        **_right(right),
        "sent_audited": wrong.labelled,
        "sent_wrong": wrong.wrong,
        "sent_wrong_rate": wrong.rate,
        "sent_wrong_low": wrong.low,
        "sent_wrong_high": wrong.high,
    }


def _right(found: Estimate) -> dict[str, Any]:
    return {
        "range": found.look,
        "labelled": found.labelled,
        "right": found.right,
        "right_rate": found.rate,
        "right_low": found.low,
        "right_high": found.high,
        "effective_n": found.effective_n,
    }


def steps(report: ReliabilityReport) -> list[Row]:
    """Return each step in each part of the period."""
    return [
        {
            "from": point.start,
            "until": point.end,
            "step": name,
            "runs": step.runs,
            "ran": step.ok,
            **_right(step.right),
        }
        for point in report.trend
        for name, step in point.steps.items()
    ]


def blame(report: ReliabilityReport) -> list[Row]:
    """Return who failed first."""
    return [one.as_json() | {"step": one.title} for one in report.blame.steps]


def pace(report: ReliabilityReport) -> list[Row]:
    """Return what the steps cost and took."""
    return [step.as_json() for step in report.steps]


def flow(streams: Sequence[Stream]) -> list[Row]:
    """Return where tickets went."""
    return [{"from": s.source, "to": s.target, "tickets": s.tickets} for s in streams]


def drift(found: Drift | None) -> list[Row]:
    """Return the watch day by day."""
    if found is None:
        return []
    return [
        {"day": one.day, "audited": one.audited, "wrong": one.wrong, "of_alarm_level": one.level}
        for one in found.days
    ]


def confidence(found: Quality) -> list[Row]:
    """Return the bins of the reliability diagram."""
    return [
        {
            "least": one.low,
            "greatest": one.high,
            "said": one.mean,
            "labelled": one.n,
            "right": one.right,
            "right_rate": one.rate,
            "right_low": one.interval.low,
            "right_high": one.interval.high,
        }
        for one in found.bins
    ]


def gate_days(days: Sequence[Escalated]) -> list[Row]:
    """Return how many went to a person each day."""
    return [{"day": one.day, "to_a_person": one.escalated, "gated": one.gated} for one in days]


def confidence_shape(found: Signs) -> list[Row]:
    """Return how confidence is spread, lately and before."""
    shape = found.confidence
    return [
        {"from": place / BINS, "until": (place + 1) / BINS, "lately": lately, "before": before}
        for place, (lately, before) in enumerate(zip(shape.recent, shape.before, strict=True))
    ]


def unlike(found: Signs) -> list[Row]:
    """Return how many drafts were unlike anything known each day."""
    days = found.unlike.days if found.unlike else ()
    return [{"day": one.day, "unlike": one.low, "drafts": one.drafts} for one in days]
