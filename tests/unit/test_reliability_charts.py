"""The charts of the Reliability page: no rate of too few, two kinds of range never mixed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard import chart_data, figures, figures_details, figures_flow, figures_trend, words
from dashboard.components import reliability_words as said
from store.evidence.rare_errors import WrongRate
from store.evidence.sampling import Estimate, Look
from store.reports.blame import Blame, Blamed
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
    named = [note.text for note in drawn.layout.annotations][-1]
    assert named == "model &lt;b&gt;x&lt;/b&gt;, policy 2"


def test_versions_are_named_at_their_own_lines() -> None:
    days = {"2": 3, "3": 15, "4": 15, "5": 15}
    changes = [
        Change(datetime(2026, 11, day, 9, tzinfo=UTC), "policy", version)
        for version, day in days.items()
    ]
    trend = [point(0, 40), point(1, 40), point(2, 40)]
    drawn = figures_trend.step_trend("intent", trend, changes, figures.LIGHT, 0.8)
    notes = [(note.text, note.x.day) for note in drawn.layout.annotations]
    assert notes == [("policy 2", 3), ("policies 3–5", 15)]


def test_labels_of_lines_without_room_become_one() -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    changes = [
        Change(at + timedelta(hours=7 * step), "model", f"a-long-name-{step}") for step in range(20)
    ]
    drawn = figures_trend.step_trend("intent", [point(0, 40)], changes, figures.LIGHT, 0.8)
    assert len(drawn.layout.shapes) == 20
    labels = drawn.layout.annotations
    assert len(labels) < 4
    assert sum(label.hovertext.count("a-long-name") for label in labels) == 20


def test_one_day_stands_on_the_axis_once() -> None:
    drawn = figures_trend.step_trend("intent", [point(0, 40)], (), figures.LIGHT, 0.8)
    assert list(drawn.layout.xaxis.ticktext) == ["2–8 Nov"]


def test_where_nothing_is_drawn_no_axis_is_either() -> None:
    nobody = figures_details.blame_bars(Blame((), 0), figures.LIGHT)
    for drawn in (
        nobody,
        figures_flow.sankey((), figures.LIGHT),
        figures_trend.end_to_end_trend([point(0, 29)], (), figures.LIGHT),
        figures_trend.step_trend("intent", [], (), figures.LIGHT, 0.8),
    ):
        assert not drawn.data
        assert not drawn.layout.xaxis.visible
        assert not drawn.layout.yaxis.visible
        assert len(drawn.layout.annotations) == 1


def test_counts_of_blame_stand_on_an_axis_of_whole_drafts() -> None:
    steps = (
        Blamed("intent", "Intent", 1, None, None, None, None),
        Blamed("gate", "Gate", 0, None, None, None, None),
    )
    drawn = figures_details.blame_bars(Blame(steps, 1), figures.LIGHT)
    assert drawn.layout.xaxis.dtick == 1
    assert list(drawn.data[0].customdata) == ["1 draft", "0 drafts"]


def test_a_hover_says_a_rate_as_the_page_does() -> None:
    drawn = figures_trend.end_to_end_trend([point(0, 40)], (), figures.LIGHT)
    (closed,) = [trace for trace in drawn.data if trace.name == "closed"]
    assert list(closed.customdata[0]) == ["2–8 Nov", "closed", "90.0 %", "80.0–95.0 %", "40"]


def test_places_of_the_flow_neither_touch_nor_leave_it() -> None:
    streams = (
        Stream("arrived", "sent alone", 5_000),
        Stream("arrived", "to a person", 3),
        Stream("arrived", "under way", 1),
        Stream("sent alone", "unknown", 5_000),
        Stream("to a person", "approved", 2),
        Stream("to a person", "waiting", 1),
    )
    drawn = figures_flow.sankey(streams, figures.LIGHT)
    (flow,) = drawn.data
    plot = drawn.layout.height - drawn.layout.margin.t - drawn.layout.margin.b
    across = dict.fromkeys(flow.node.x)
    tall = (plot - 2 * flow.node.pad) / 5_004
    sizes = dict(zip(flow.node.customdata, (5_004, 5_000, 3, 1, 5_000, 2, 1), strict=True))
    for x in across:
        column = [
            (plot * y, tall * sizes[name])
            for at, y, name in zip(flow.node.x, flow.node.y, flow.node.customdata, strict=True)
            if at == x
        ]
        edges = [edge for y, size in column for edge in (y - size / 2, y + size / 2)]
        assert edges == sorted(edges)
        assert all(-1 <= edge <= plot + 1 for edge in edges)


def test_the_flow_says_how_many_are_at_each_place() -> None:
    streams = (Stream("arrived", "sent alone", 9), Stream("sent alone", "unknown", 9))
    (drawn,) = figures_flow.sankey(streams, figures.LIGHT).data
    assert list(drawn.node.customdata) == ["arrived · 9", "sent alone · 9", "unknown · 9"]


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
