"""What the Gate page computes and says, without a store: the day's bill, edited rules, wordings."""

import math
from dataclasses import astuple, replace
from datetime import UTC, datetime

import pytest

from dashboard.components import rules_editor
from dashboard.components.costs import Costs, Range, amount, bill, signed, span, wrong_per_day
from dashboard.components.publish_panel import Offer, offer
from dashboard.components.threshold import is_certified, is_stricter, said_at
from dashboard.components.version_panel import rule_lines
from store.evidence.rare_errors import WrongRate
from store.evidence.risk_control import Certified, Verdict
from store.gate import AmountRule, PolicyBody, Promise
from store.reports.policy import CurvePoint
from store.reports.recommending import Recommendation
from store.transitions import Outcome

MEASURED = WrongRate(200, 4, 0.02, 0.01, 0.05, 200.0)
COSTS = Costs(minutes_per_card=3.0, hour_minor=4_000.0, wrong_minor=1_000.0)
BODY = PolicyBody(
    amount_rules=(
        AmountRule(kind="refund", above_minor=10_000),
        AmountRule(kind="refund", above_minor=20_000),
        AmountRule(kind="refund", above_minor=50_000, outcome=Outcome.BLOCK),
    ),
    always_person=("close_account",),
)


def point(threshold: float = 0.9, wrong: WrongRate = MEASURED) -> CurvePoint:
    return CurvePoint(
        threshold=threshold,
        automatic=800,
        automatic_share=0.8,
        cards_per_day=20.0,
        money_per_day_minor=5_000.0,
        wrong=wrong,
    )


def found(
    threshold: float | None, start: float = 0.95, rate: float | None = 0.02
) -> Recommendation:
    best = Certified(threshold, 0.02, 0.95, 900, 700, 6, 0.018, start, Verdict.CERTIFIED)
    since, until = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)
    promise = Promise(max_error=0.02)
    return Recommendation("*", promise, best, 0, rate, 1_000, 900, since, until, is_sending=True)


def test_the_bill_of_a_day_sets_saved_work_against_errors() -> None:
    day = bill(point(), gated=1_000, days=10.0, assumed=COSTS)
    assert day.hours == pytest.approx(1.0)  # 20 cards of 3 minutes
    assert astuple(day.wrong) == pytest.approx((1.6, 0.8, 4.0))
    saved = 80 * 3 / 60 * 4_000  # of 100 drafts a day
    assert astuple(day.net_minor) == pytest.approx((saved - 1_600, saved - 4_000, saved - 800))


@pytest.mark.parametrize("labels", [WrongRate(0, 0), WrongRate(29, 0, 0.0, 0.0, 0.1, 29.0)])
def test_nothing_rests_on_too_few_labels(labels: WrongRate) -> None:
    assert wrong_per_day(labels, 80.0) == Range()
    day = bill(point(wrong=labels), gated=1_000, days=10.0, assumed=COSTS)
    assert (day.wrong, day.net_minor) == (Range(), Range())


def test_a_row_that_is_left_alone_keeps_every_rule_it_stands_for() -> None:
    kinds = ("refund", "close_account", "voucher")
    rows = {kind: rules_editor.row(BODY, kind) for kind in kinds}
    assert rules_editor.with_rows(BODY, rows) == BODY
    assert rows["refund"]["to a person above"] == 100.0


def test_a_cell_that_is_emptied_lifts_the_limit_and_no_other() -> None:
    emptied = {**rules_editor.row(BODY, "refund"), "to a person above": math.nan}
    assert rules_editor.with_rows(BODY, {"refund": emptied}).amount_rules == BODY.amount_rules[2:]


def test_limits_are_read_to_the_cent_and_checks_are_set_and_cleared() -> None:
    rows = {
        "voucher": {
            **rules_editor.row(BODY, "voucher"),
            "blocked above": 19.99,
            "always a person": True,
        },
        "close_account": {**rules_editor.row(BODY, "close_account"), "always a person": False},
    }
    edited = rules_editor.with_rows(BODY, rows)
    assert edited.always_person == ("voucher",)
    added = AmountRule(kind="voucher", above_minor=1_999, outcome=Outcome.BLOCK)
    assert edited.amount_rules == (*BODY.amount_rules, added)


def test_each_state_of_a_threshold_has_its_sentence() -> None:
    begun = "At 0.90 about 80 % of drafts go out alone. "
    assert said_at(found(0.85), point()) == (
        f"{begun}With 95 % assurance at most 2 % of them are wrong, if tickets stay like the 900"
        " audited from 1–28 Nov."
    )
    assert said_at(found(0.92), point()) == (
        f"{begun}Not certified for 2 %: measured 2.0 %, could be 5.0 %."
    )
    assert "where testing for 2 % began, so it is not promised here" in (
        said_at(found(0.8, start=0.85), point())
    )
    assert said_at(found(None, rate=None), point()) == (
        f"{begun}Nobody checks what was sent alone. This figure cannot be known."
    )
    few = point(wrong=WrongRate(20, 3, 0.15, 0.05, 0.4, 20.0))
    assert "3 wrong of 20 audited, too few for a rate." in said_at(found(None), few)
    assert "none of them was audited." in said_at(found(None), point(wrong=WrongRate(0, 0)))


def test_what_is_stricter_than_tested_is_not_called_certified() -> None:
    best = found(0.85, start=0.95)
    states = [(is_certified(best, t), is_stricter(best, t)) for t in (0.8, 0.85, 0.95, 0.96)]
    assert states == [(False, False), (True, False), (True, False), (False, True)]
    assert not is_certified(best, 0.8512), "between two that were tested"
    assert not is_certified(found(None), 0.999)


def test_a_policy_is_said_with_its_promises() -> None:
    body = PolicyBody(promises={"*": Promise(max_error=0.02), "refund": Promise(max_error=0.005)})
    lines = rule_lines(body, {"*": "suspended on 23 Nov 04:58"})
    assert "Promised: at most 2 % wrong: suspended on 23 Nov 04:58" in lines
    assert "Promised: at most 0.5 % wrong (refund): not certified" in lines


def test_money_a_day_is_short_at_any_size() -> None:
    assert [amount(minor, "EUR") for minor in (49, 45_512, 999_999_900, 1_200_000_000)] == [
        "€0",
        "€455",
        "€9,999,999",
        "€12M",
    ]
    assert (amount(8e13, "EUR"), amount(-2e11, "CHF")) == ("€800bn", "-2,000M CHF")
    assert [signed(minor, "EUR") for minor in (-40, 0, 2_000, -300)] == ["€0", "€0", "+€20", "−€3"]


def test_a_range_that_is_none_is_said_in_words() -> None:
    assert span(Range(20.0, -500.0, 3_300.0), "EUR") == "−€5 to +€33"
    assert span(Range(0.0, -20.0, 40.0), "EUR") == "range within rounding"
    assert span(Range(20.0, 20.0, 20.0), "EUR") == "at any error rate"
    assert span(Range(), "EUR") == ""


def test_a_standing_promise_is_kept_until_its_box_is_clicked() -> None:
    two, lost = found(0.85), found(0.92)
    five = replace(two, promise=Promise(max_error=0.05))
    kept = two.promise
    sure: dict[str, bool] = {"has_audits": True, "is_untouched": False}
    assert offer(two, None, 0.9, **sure) == Offer(True, False, None, "")
    assert offer(two, two, 0.9, **sure) == Offer(True, True, None, "")
    stays = "The promise of at most 2 % wrong stays unless you tick this."
    assert offer(five, two, 0.9, **sure) == Offer(True, False, kept, stays)
    drops = "0.90 is not certified for at most 2 % wrong: this version drops that promise."
    assert offer(five, lost, 0.9, **sure) == Offer(True, False, None, drops)
    assert offer(lost, lost, 0.9, **sure) == Offer(False, False, None, drops)


def test_a_promise_that_would_not_be_certified_again_stays_where_nothing_is_changed() -> None:
    here = found(0.92)
    shown = offer(here, here, 0.9, has_audits=True, is_untouched=True)
    assert (shown.is_open, shown.is_made) == (True, True)
    assert shown.why == "No longer certified at 0.90: a new version cannot keep it."
