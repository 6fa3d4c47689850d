"""Reliability and health of a pipeline: two series, weighed by what was checked."""

import json
from datetime import timedelta

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW
from sqlmodel import Session

from store.engine import Store
from store.outputs import STEPS
from store.reports.reliability import reliability, trend
from store.transitions import StepStatus, Verdict

DAY = timedelta(days=1)


def _fill(session: Session, *, sent: int, audited: int, wrong_audits: int = 0) -> None:
    for i in range(sent):
        built = builders.case(session, confidence=0.95, is_audited=i < audited)
        if i < audited:
            verdict = Verdict.WRONG if i < wrong_audits else Verdict.RIGHT
            aftermath.decide(session, built.review_id, verdict, blamed_step="synthesis")


def _escalate(session: Session, n: int, *, wrong: int = 0, blamed: str | None = "intent") -> None:
    for i in range(n):
        built = builders.case(session, confidence=0.6)
        if i < wrong:
            aftermath.decide(session, built.review_id, Verdict.REJECT, blamed_step=blamed)
        else:
            aftermath.decide(session, built.review_id)


def test_an_empty_store_knows_nothing_and_says_so(store: Store) -> None:
    report = store.read(reliability)
    assert (report.runs, report.gated, report.auto_rate, report.weakest) == (0, 0, None, None)
    assert (report.end_to_end.rate, report.product_of_steps, report.fix_first) == (None, None, None)
    assert [step.name for step in report.steps] == list(STEPS)
    assert {step.ok_rate for step in report.steps} == {None}
    assert report.trend == ()


def test_what_ran_without_error_but_was_never_checked_reads_unknown(store: Store) -> None:
    store.transact(_fill, sent=4, audited=0)
    report = store.read(reliability)
    assert {step.ok_rate for step in report.steps} == {1.0}
    assert {step.right.rate for step in report.steps} == {None}
    assert report.end_to_end.rate is None


def test_escalations_alone_never_speak_for_what_went_out_by_itself(store: Store) -> None:
    store.transact(_fill, sent=9, audited=0)
    store.transact(_escalate, 3, wrong=1)
    report = store.read(reliability)
    assert report.escalated_right.rate == pytest.approx(2 / 3)
    assert (report.sent.rate, report.end_to_end.rate) == (None, None)
    assert (report.end_to_end.labelled, report.end_to_end.right) == (3, 2)
    assert {step.right.rate for step in report.steps} == {None}


def test_strata_are_weighed_by_their_known_shares(store: Store) -> None:
    store.transact(_fill, sent=8, audited=2, wrong_audits=1)
    store.transact(_escalate, 2, wrong=2)
    report = store.read(reliability)
    assert (report.gated, report.passed, report.escalated) == (10, 8, 2)
    assert report.auto_rate == pytest.approx(0.8)
    assert report.sent.rate == pytest.approx(0.5)
    assert report.end_to_end.rate == pytest.approx(0.8 * 0.5 + 0.2 * 0.0)
    assert not report.end_to_end.has_enough


def test_first_failure_rates_multiply_to_the_measured_rate(store: Store) -> None:
    store.transact(_fill, sent=30, audited=10, wrong_audits=3)
    store.transact(_escalate, 4, wrong=1, blamed="intent")
    store.transact(_escalate, 4, wrong=2, blamed="tool_call")
    report = store.read(reliability)
    steps = {step.name: step.right for step in report.steps}
    assert steps["intent"].rate == pytest.approx(37 / 38)
    assert report.product_of_steps == pytest.approx(report.end_to_end.rate, abs=1e-12)
    assert report.linked_failures == pytest.approx(0.0, abs=1e-12)


def test_a_failure_without_a_step_makes_the_product_too_good(store: Store) -> None:
    store.transact(_escalate, 4, wrong=1, blamed=None)
    report = store.read(reliability)
    assert report.linked_failures is None  # nobody has seen a commit of an escalated draft yet
    assert {step.right.rate for step in report.steps[:5]} == {1.0}
    assert report.steps[5].right.rate is None
    store.transact(_fill, sent=4, audited=4)
    linked = store.read(reliability).linked_failures
    assert linked == pytest.approx(-0.125)


def test_health_counts_runs_that_failed_for_good_and_retries_apart(store: Store) -> None:
    store.transact(_fill, sent=1, audited=0)
    recovered, failed = store.transact(builders.run), store.transact(builders.run)
    store.transact(builders.step, recovered, "intent", status=StepStatus.TIMEOUT, latency_ms=900.0)
    store.transact(builders.step, recovered, "intent", attempt=2, latency_ms=30.0)
    store.transact(builders.step, failed, "intent", status=StepStatus.ERROR)
    intent = store.read(reliability).steps[0]
    assert (intent.runs, intent.ok, intent.retries) == (3, 2, 1)
    assert intent.ok_rate == pytest.approx(2 / 3)
    assert intent.p50_ms == 21.0
    assert intent.p95_ms == pytest.approx(29.1)
    assert intent.ok_low is not None
    assert intent.ok_high is not None
    assert intent.ok_low < 2 / 3 < intent.ok_high


def test_the_step_to_mend_first_is_named_with_how_sure_that_is(store: Store) -> None:
    store.transact(_escalate, 3, wrong=1, blamed="retrieval")
    unsure = store.read(reliability)
    assert unsure.weakest == "retrieval"
    assert unsure.fix_first is not None
    assert (unsure.fix_first.step, unsure.fix_first.is_clear) == ("retrieval", False)
    store.transact(_escalate, 40, wrong=25, blamed="retrieval")
    sure = store.read(reliability).fix_first
    assert sure is not None
    assert sure.is_clear
    assert sure.gain > 0.2


def test_undone_decisions_count_nowhere(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(aftermath.undo, store.transact(aftermath.decide, built.review_id))
    assert store.read(reliability).end_to_end.labelled == 0


def test_a_closed_period_has_a_narrower_range_than_a_live_one(store: Store) -> None:
    store.transact(_escalate, 12, wrong=3)
    live = store.read(reliability).end_to_end
    closed = store.read(reliability, until=NOW + DAY).end_to_end
    assert (live.look, closed.look, live.rate) == ("live", "closed", closed.rate)
    assert live.low is not None
    assert closed.low is not None
    assert live.low < closed.low


def test_the_period_and_the_pipeline_narrow_what_is_counted(store: Store) -> None:
    store.transact(builders.case, at=NOW - 3 * DAY)
    store.transact(builders.case, at=NOW)
    assert store.read(reliability, since=NOW - DAY).runs == 1
    assert store.read(reliability, until=NOW).runs == 1
    assert store.read(reliability, pipeline="other").runs == 0


def test_a_pipeline_with_steps_of_its_own_shows_those(store: Store) -> None:
    run_id = store.transact(builders.run, pipeline="recorded")
    for name in ("plan", "act"):
        store.transact(builders.step, run_id, name)
    report = store.read(reliability, pipeline="recorded")
    assert [(step.name, step.title) for step in report.steps] == [("act", "act"), ("plan", "plan")]


def test_the_json_has_the_stable_shape_and_agrees_with_the_report(store: Store) -> None:
    store.transact(_fill, sent=5, audited=2)
    store.transact(_escalate, 2, wrong=1)
    report = store.read(reliability)
    body = json.loads(json.dumps(report.as_json()))
    assert list(body) == [
        "pipeline", "runs", "gated", "auto_rate", "escalated", "steps", "weakest",
        "product_of_steps", "end_to_end",
    ]  # fmt: skip
    assert list(body["steps"][0]) == [
        "name", "runs", "ok", "ok_rate", "retries", "p50_ms", "p95_ms", "labelled", "right",
        "right_rate", "right_low", "right_high",
    ]  # fmt: skip
    assert list(body["end_to_end"]) == ["labelled", "rate", "low", "high"]
    assert body["end_to_end"]["rate"] == report.end_to_end.rate
    assert (body["weakest"], body["escalated"]) == ("intent", 2)


def test_a_trend_has_a_point_per_day_with_runs_and_pools_on_request(store: Store) -> None:
    for day, n in ((10, 2), (3, 1), (0, 3)):
        for _ in range(n):
            built = store.transact(builders.case, at=NOW - day * DAY)
            store.transact(aftermath.decide, built.review_id)
    days = store.read(trend)
    assert [(point.start, point.runs) for point in days] == [
        ((NOW - 10 * DAY).date(), 2),
        ((NOW - 3 * DAY).date(), 1),
        (NOW.date(), 3),
    ]
    assert [point.end_to_end.look for point in days] == ["closed", "closed", "live"]
    assert days[0].steps["intent"].right.labelled == 2
    pooled = store.read(trend, trailing=7)
    assert [point.runs for point in pooled] == [2, 1, 4]
    assert pooled[2].start == (NOW - 6 * DAY).date()


def test_weeks_begin_on_monday(store: Store) -> None:
    for day in (0, 3, 4, 5):  # NOW is a Friday
        store.transact(builders.case, at=NOW - day * DAY)
    weeks = store.read(trend, bucket="week", until=NOW + DAY)
    assert [(point.start.isoweekday(), point.runs) for point in weeks] == [(1, 1), (1, 3)]
    assert {point.end - point.start for point in weeks} == {timedelta(days=7)}
