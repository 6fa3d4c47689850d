"""Reliability and health of a pipeline: two series, weighed by what was checked."""

import json
from datetime import timedelta
from typing import Any

import builders
import builders_aftermath as aftermath
import pytest
from builders import NOW
from sqlmodel import Session

from store.engine import Store
from store.evidence.intervals import RARE_ERROR_PRIOR, confidence_sequence
from store.outputs import STEPS
from store.reports.reliability import ReliabilityReport, reliability
from store.reports.scope import Scope, last_days
from store.transitions import StepStatus, Verdict

DAY = timedelta(days=1)


def read(store: Store, **asked: Any) -> ReliabilityReport:
    return store.read(reliability, Scope(**asked))


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
    report = read(store)
    assert (report.runs, report.gated, report.auto_rate, report.weakest) == (0, 0, None, None)
    assert (report.end_to_end.rate, report.product_of_steps, report.fix_first) == (None, None, None)
    assert [step.name for step in report.steps] == list(STEPS)
    assert {step.ok_rate for step in report.steps} == {None}
    assert report.trend == ()


def test_what_ran_without_error_but_was_never_checked_reads_unknown(store: Store) -> None:
    store.transact(_fill, sent=4, audited=0)
    report = read(store)
    assert {step.ok_rate for step in report.steps} == {1.0}
    assert {step.right.rate for step in report.steps} == {None}
    assert report.end_to_end.rate is None


def test_escalations_alone_never_speak_for_what_went_out_by_itself(store: Store) -> None:
    store.transact(_fill, sent=9, audited=0)
    store.transact(_escalate, 3, wrong=1)
    report = read(store)
    assert report.escalated_right.rate == pytest.approx(2 / 3)
    assert (report.sent_wrong.rate, report.end_to_end.rate) == (None, None)
    assert (report.end_to_end.labelled, report.end_to_end.right) == (3, 2)
    assert {step.right.rate for step in report.steps} == {None}


def test_strata_are_weighed_by_their_known_shares(store: Store) -> None:
    store.transact(_fill, sent=8, audited=2, wrong_audits=1)
    store.transact(_escalate, 2, wrong=2)
    report = read(store)
    assert (report.gated, report.passed, report.escalated) == (10, 8, 2)
    assert report.auto_rate == pytest.approx(0.8)
    assert report.sent_wrong.rate == pytest.approx(0.5)
    assert report.end_to_end.rate == pytest.approx(0.8 * 0.5 + 0.2 * 0.0)
    assert not report.end_to_end.has_enough


def test_first_failure_rates_multiply_to_the_measured_rate(store: Store) -> None:
    store.transact(_fill, sent=30, audited=10, wrong_audits=3)
    store.transact(_escalate, 4, wrong=1, blamed="intent")
    store.transact(_escalate, 4, wrong=2, blamed="tool_call")
    report = read(store)
    steps = {step.name: step.right for step in report.steps}
    assert steps["intent"].rate == pytest.approx(37 / 38)
    assert report.product_of_steps == pytest.approx(report.end_to_end.rate, abs=1e-12)
    assert report.blame.product == pytest.approx(report.end_to_end.rate, abs=1e-12)


def test_a_failure_without_a_step_is_a_share_of_its_own_and_the_product_stays_true(
    store: Store,
) -> None:
    store.transact(_escalate, 4, wrong=1, blamed=None)
    report = read(store)
    assert {step.right.rate for step in report.steps[:5]} == {1.0}
    assert report.steps[5].right.rate is None  # nobody has seen a commit of an escalated draft yet
    store.transact(_fill, sent=4, audited=4)
    report = read(store)
    assert report.product_of_steps == 1.0
    assert report.blame.product == pytest.approx(0.875, abs=1e-12)
    assert report.end_to_end.rate == pytest.approx(0.875, abs=1e-12)
    assert [(one.name, one.failures) for one in report.blame.steps if one.failures] == [(None, 1)]


def test_verdicts_that_stop_at_the_first_wrong_step_tell_nothing_of_linked_failures(
    store: Store,
) -> None:
    store.transact(_escalate, 6, wrong=3, blamed="intent")
    assert read(store).linked is None


def test_the_rate_of_wrong_has_a_range_made_for_rare_errors(store: Store) -> None:
    store.transact(_fill, sent=60, audited=50, wrong_audits=2)
    found = read(store).sent_wrong
    expected = confidence_sequence(2, 50, prior=RARE_ERROR_PRIOR)
    assert expected is not None
    assert (found.labelled, found.wrong, found.look) == (50, 2, "live")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.effective_n == pytest.approx(50)


def test_a_complaint_about_an_unaudited_draft_is_told_beside_and_is_in_no_rate(
    store: Store,
) -> None:
    store.transact(_fill, sent=3, audited=2)
    unaudited = store.transact(builders.case, confidence=0.95)
    store.transact(aftermath.label, unaudited, is_right=False, inclusion_probability=None)
    report = read(store)
    assert report.unaudited_wrong == 1
    assert (report.sent_wrong.labelled, report.sent_wrong.rate) == (2, 0.0)


def test_health_counts_runs_that_failed_for_good_and_retries_apart(store: Store) -> None:
    store.transact(_fill, sent=1, audited=0)
    recovered, failed = store.transact(builders.run), store.transact(builders.run)
    store.transact(builders.step, recovered, "intent", status=StepStatus.TIMEOUT, latency_ms=900.0)
    store.transact(builders.step, recovered, "intent", attempt=2, latency_ms=30.0)
    store.transact(builders.step, failed, "intent", status=StepStatus.ERROR)
    intent = read(store).steps[0]
    assert (intent.runs, intent.ok, intent.retries) == (3, 2, 1)
    assert intent.ok_rate == pytest.approx(2 / 3)
    assert intent.pace.p50_ms == 21.0
    assert intent.pace.p95_ms == pytest.approx(29.1)
    assert intent.ok_low is not None
    assert intent.ok_high is not None
    assert intent.ok_low < 2 / 3 < intent.ok_high


def test_the_step_to_mend_first_is_named_with_how_sure_that_is(store: Store) -> None:
    store.transact(_escalate, 3, wrong=1, blamed="retrieval")
    unsure = read(store)
    assert unsure.weakest == "retrieval"
    assert unsure.fix_first is not None
    assert (unsure.fix_first.step, unsure.fix_first.is_clear) == ("retrieval", False)
    store.transact(_escalate, 40, wrong=25, blamed="retrieval")
    sure = read(store).fix_first
    assert sure is not None
    assert sure.is_clear
    assert sure.gain > 0.2


def test_undone_decisions_count_nowhere(store: Store) -> None:
    built = store.transact(builders.case)
    store.transact(aftermath.undo, store.transact(aftermath.decide, built.review_id))
    assert read(store).end_to_end.labelled == 0


def test_a_closed_period_has_a_narrower_range_than_a_live_one(store: Store) -> None:
    store.transact(_escalate, 12, wrong=3)
    live = read(store).end_to_end
    closed = read(store, until=NOW + DAY).end_to_end
    assert (live.look, closed.look, live.rate) == ("live", "closed", closed.rate)
    assert live.low is not None
    assert closed.low is not None
    assert live.low < closed.low


def test_the_period_and_the_pipeline_narrow_what_is_counted(store: Store) -> None:
    store.transact(builders.case, at=NOW - 3 * DAY)
    store.transact(builders.case, at=NOW)
    assert read(store, since=NOW - DAY).runs == 1
    assert read(store, until=NOW).runs == 1
    assert read(store, pipeline="other").runs == 0


def test_a_pipeline_with_steps_of_its_own_shows_those(store: Store) -> None:
    run_id = store.transact(builders.run, pipeline="recorded")
    for name in ("plan", "act"):
        store.transact(builders.step, run_id, name)
    report = read(store, pipeline="recorded")
    assert [(step.name, step.title) for step in report.steps] == [("act", "act"), ("plan", "plan")]


def test_the_json_has_the_stable_shape_and_agrees_with_the_report(store: Store) -> None:
    store.transact(_fill, sent=5, audited=2)
    store.transact(_escalate, 2, wrong=1)
    report = read(store)
    body = json.loads(json.dumps(report.as_json()))
    assert list(body)[:9] == [
        "pipeline", "runs", "gated", "auto_rate", "escalated", "steps", "weakest",
        "product_of_steps", "end_to_end",
    ]  # fmt: skip
    assert list(body["steps"][0])[:13] == [
        "name", "runs", "ok", "ok_rate", "retries", "p50_ms", "p95_ms", "labelled", "right",
        "right_rate", "right_low", "right_high", "effective_n",
    ]  # fmt: skip
    assert list(body["end_to_end"])[:4] == ["labelled", "rate", "low", "high"]
    assert body["end_to_end"]["rate"] == report.end_to_end.rate
    assert (body["weakest"], body["escalated"]) == ("intent", 2)
    assert body["sent_wrong"]["labelled"] == 2
    assert [one["failures"] for one in body["blame"]] == [1, 0, 0, 0, 0, 0, 0]
    assert body["fix_first"]["step"] == "intent"
    assert (body["linked_failures"], body["drift"]) == (None, None)


def test_a_short_period_has_a_point_a_day_and_only_today_is_live(store: Store) -> None:
    for day, n in ((10, 2), (3, 1), (0, 3)):
        for _ in range(n):
            built = store.transact(builders.case, at=NOW - day * DAY)
            store.transact(aftermath.decide, built.review_id)
    days = read(store).trend
    assert [(point.start, point.runs) for point in days] == [
        ((NOW - 10 * DAY).date(), 2),
        ((NOW - 3 * DAY).date(), 1),
        (NOW.date(), 3),
    ]
    assert [point.is_closed for point in days] == [True, True, False]
    assert days[0].steps["intent"].right.labelled == 2


def test_a_longer_period_has_a_point_a_week_from_monday_on(store: Store) -> None:
    for day in (0, 3, 4, 5, 20):  # NOW is a Friday
        store.transact(builders.case, at=NOW - day * DAY)
    weeks = read(store, until=NOW + DAY).trend
    assert [(point.start.isoweekday(), point.runs) for point in weeks] == [(1, 1), (1, 1), (1, 3)]
    assert {point.end - point.start for point in weeks} == {timedelta(days=7)}
    assert all(point.is_closed for point in weeks)


@pytest.mark.parametrize(
    "asked",
    [{"intent": "other"}, {"action_kind": "refund"}, {"policy_version": 2}, {"model": "other"}],
)
def test_every_choice_narrows_every_figure(store: Store, asked: dict[str, Any]) -> None:
    store.transact(_fill, sent=3, audited=3, wrong_audits=1)
    assert read(store).sent_wrong.labelled == 3
    report = read(store, **asked)
    assert (report.runs, report.sent_wrong.labelled, report.blame.failures) == (0, 0, 0)
    assert {step.runs for step in report.steps} == {0}


def test_a_period_of_days_begins_at_midnight(store: Store) -> None:
    store.transact(builders.case, at=NOW.replace(hour=0, minute=0) - 2 * DAY)
    assert read(store, since=last_days(2, NOW)).runs == 1
    assert read(store, since=last_days(1, NOW)).runs == 0
