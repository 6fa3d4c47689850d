"""The charts of the Reliability page: no rate of too few, two kinds of range never mixed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard import chart_data, figures, figures_flow, figures_trend, words
from dashboard.components import reliability_words as said
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate, Look
from store.reports.drifting import AuditDay, Drift
from store.reports.flow import Stream
from store.reports.series import StepPoint, TrendPoint
from store.reports.versions import Change

MONDAY = date(2026, 11, 2)


def point(week: int, labelled: int, look: Look = "closed") -> TrendPoint:
    start = MONDAY + timedelta(weeks=week)
    found = Estimate(labelled, labelled - 1, 0.9, 0.8, 0.95, labelled, look)
    return TrendPoint(
        start=start,
        end=start + timedelta(days=7),
        runs=100,
        gated=100,
        passed=80,
        to_judge=0,
        auto_rate=0.8,
        end_to_end=found,
        sent_wrong=WrongRate(labelled, 1),
        steps={"intent": StepPoint(runs=100, ok=99, ok_rate=0.99, right=found)},
    )


def test_closed_points_have_the_band_and_the_live_one_its_own_range() -> None:
    trend = [point(0, 40), point(1, 40), point(2, 40, "live")]
    drawn = figures_trend.end_to_end_trend(trend, (), figures.LIGHT)
    by_name = {trace.name: trace for trace in drawn.data if trace.name}
    assert len(by_name["95 % range"].x) == 4  # there and back over the two closed weeks
    assert (len(by_name["closed"].x), len(by_name["live"].x)) == (2, 1)
    assert by_name["live"].error_y.visible
    assert not by_name["closed"].error_y.visible
    labels = [note.text for note in drawn.layout.annotations]
    assert labels == ["6 × 97 %: 83.3 %", "6 × 98 %: 88.6 %"]


def test_a_rate_of_too_few_labels_is_not_drawn() -> None:
    drawn = figures_trend.step_trend("intent", [point(0, 29), point(1, 30)], (), figures.DARK, 0.8)
    by_name = {trace.name: trace for trace in drawn.data if trace.name}
    assert len(by_name["closed"].x) == 1
    assert len(by_name["ran"].x) == 2


def test_a_version_is_a_line_with_its_name_taken_literally() -> None:
    at = datetime(2026, 11, 5, tzinfo=UTC)
    changes = (Change(at, "model", "<b>x</b>"), Change(at, "policy", "2"))
    drawn = figures_trend.end_to_end_trend([point(0, 40), point(1, 40)], changes, figures.LIGHT)
    assert len(drawn.layout.shapes) == 2
    assert [note.text for note in drawn.layout.annotations][-1] == "model &lt;b&gt;x&lt;/b&gt; +1"


def test_the_flow_says_how_many_are_at_each_place() -> None:
    streams = (Stream("arrived", "sent alone", 9), Stream("sent alone", "unknown", 9))
    (drawn,) = figures_flow.sankey(streams, figures.LIGHT).data
    assert list(drawn.node.label) == ["arrived · 9", "sent alone · 9", "unknown · 9"]


def test_drift_says_how_soon_a_doubling_would_be_noticed() -> None:
    days = (AuditDay(MONDAY, 150, 1, 0.1), AuditDay(MONDAY + timedelta(days=1), 150, 9, 1.2))
    found = Drift(0.01, 150, 7.6, 400, days)
    promise = "A doubling from 1.0 % to 2.0 % would be noticed in about 8 days"
    assert said.drift(found).startswith(f"Alarm on 3 Nov. {promise}")
    assert said.drift(Drift(0.01, 150, 7.6, 400, days[:1])).startswith(
        f"No sign of change. {promise}"
    )
    assert "Unknown" in said.drift(None)


def test_a_download_is_safe_in_a_spreadsheet_and_may_be_empty() -> None:
    rows = [{"from": "=1+1", "tickets": -2}]
    assert chart_data.as_csv(rows).decode("utf-8-sig") == "from,tickets\r\n'=1+1,-2\r\n"
    assert chart_data.as_csv([]).decode("utf-8-sig") == ""


@pytest.mark.parametrize(
    ("first", "last", "spoken"),
    [
        (date(2026, 11, 9), date(2026, 11, 9), "9 Nov"),
        (date(2026, 11, 9), date(2026, 11, 15), "9–15 Nov"),
        (date(2026, 10, 26), date(2026, 11, 1), "26 Oct – 1 Nov"),
        (date(2025, 12, 29), date(2026, 1, 4), "29 Dec 2025 – 4 Jan"),
    ],
)
def test_days_are_said_shortly(first: date, last: date, spoken: str) -> None:
    assert words.days(first, last) == spoken
