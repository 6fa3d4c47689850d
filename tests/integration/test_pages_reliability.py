"""The Reliability page: what it says, what it refuses to say, and that `report` says the same."""

from datetime import datetime

import builders
import builders_aftermath as aftermath
import pages
import pytest
from cli_runner import document
from reliability_page import DAY, escalated, fix_first, headline, page, sent

from agents.cli import reporting
from dashboard import session, words
from store.engine import Store


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    monkeypatch.setattr(reporting, "clock", found)
    return found


def test_an_empty_store_is_shown_without_a_figure(store: Store, clock: pages.Clock) -> None:
    store.transact(builders.company)
    for view in ("Overview", "Details"):
        at = page(view=view)
        assert [text.value for text in at.text] == ["Nothing arrived in the last 28 days."]
        assert not at.get("plotly_chart")


def test_where_all_went_to_people_nothing_is_said_of_what_was_sent(
    store: Store, clock: pages.Clock
) -> None:
    escalated(store, 1, wrong=0, at=clock.at - DAY)
    at = page()
    assert headline(at) == {
        "figure": "unknown",
        "range": "",
        "said": "Nothing was sent alone.",
        "besides": "",
    }
    assert "Six steps at 97 % = 83.3 %, at 98 % = 88.6 %." in pages.words_of(at)


def test_with_no_coin_the_figure_cannot_be_known(store: Store, clock: pages.Clock) -> None:
    sent(store, 40, audited=0, at=clock.at - DAY)
    said = headline(page())
    assert said["figure"] == "unknown"
    assert said["said"] == "Nobody checks what was sent alone. This figure cannot be known."


def test_rightness_is_never_taken_from_health(store: Store, clock: pages.Clock) -> None:
    sent(store, 1, audited=0, at=clock.at - DAY)
    said = pages.words_of(page())
    assert "**Retrieval** · right unknown" in said
    assert "ran 1 of 1" in said


def test_under_thirty_audits_only_the_counts_are_said(store: Store, clock: pages.Clock) -> None:
    sent(store, 20, audited=12, wrong=2, at=clock.at - DAY)
    said = headline(page())
    assert said["figure"] == "2 wrong of 12 audited"
    assert "%" not in "".join(str(part) for part in said.values())


def test_a_complaint_that_no_audit_drew_is_told_beside_the_rate(
    store: Store, clock: pages.Clock
) -> None:
    built = store.transact(builders.case, confidence=0.95, at=clock.at - DAY)
    store.transact(aftermath.label, built, is_right=False, inclusion_probability=None)
    assert headline(page())["besides"] == (
        "Besides: 1 complaint about a draft that nobody audited; not in the rate."
    )


def test_a_step_is_said_with_counts_below_thirty_labels_and_with_its_range_from_there_on(
    store: Store, clock: pages.Clock
) -> None:
    escalated(store, 12, wrong=3, at=clock.at - 2 * DAY)
    at = page()
    assert "**Retrieval** · right 9 of 12" in pages.words_of(at)
    assert fix_first(at)["figure"] == "Retrieval"
    escalated(store, 28, wrong=7, at=clock.at - 3 * DAY)
    said = pages.words_of(page(period="90 days"))
    assert "**Retrieval** · right 75.0 %" in said
    assert "n = 40" in said


def test_every_figure_agrees_with_the_report_to_the_last_digit(
    store: Store, clock: pages.Clock
) -> None:
    sent(store, 45, audited=40, wrong=2, at=clock.at - 9 * DAY)
    escalated(store, 36, wrong=9, at=clock.at - 2 * DAY)
    at, body = page(), document("report", "--days", 28)
    wrong, whole = body["sent_wrong"], body["end_to_end"]
    shown, said = headline(at), pages.words_of(at)
    assert shown["figure"] == words.percent(wrong["rate"])
    assert shown["range"] == f"live range {words.span(wrong['low'], wrong['high'])}"
    assert shown["said"].startswith(
        f"{wrong['wrong']} wrong of {wrong['labelled']} audited, out of {body['passed']} sent"
    )
    spoken = f"live range {words.span(whole['low'], whole['high'])}, n = {whole['labelled']}"
    assert f"{words.percent(whole['rate'])} of drafts right" in said
    assert spoken in said
    for step in body["steps"]:
        assert f"right {words.percent(step['right_rate'])}" in said
        span = words.span(step["right_low"], step["right_high"])
        assert f"{span}, n = {step['labelled']}" in said
    first = body["fix_first"]
    assert f"about {100 * first['gain']:.1f} pp" in fix_first(at)["said"]
    assert words.percent(first["probability"], 0) in fix_first(at)["said"]
    details = pages.words_of(page(view="Details"))
    assert f"multiplied: {words.percent(body['product_of_first_failures'])}" in details


def test_the_details_tell_who_failed_what_is_unknown_and_what_cannot_be_compared(
    store: Store, clock: pages.Clock
) -> None:
    sent(store, 40, audited=40, wrong=1, at=clock.at - 20 * DAY)
    escalated(store, 36, wrong=31, at=clock.at - 2 * DAY)
    said = pages.words_of(page(view="Details"))
    assert "32 drafts judged wrong, weighed. Synthesis failed first in 62 % of them" in said
    assert "Linked failures: unknown." in said
    assert "A doubling from 2.5 % to 5.0 % would be noticed in about" in said
    assert "one false alarm a year" in said
    assert "Only policy 1 was in use." in said


def test_two_versions_are_compared_on_what_the_coin_drew(store: Store, clock: pages.Clock) -> None:
    for model, wrong in (("one", 0), ("two", 20)):
        sent(store, 40, audited=40, wrong=wrong, model=model, at=clock.at - DAY)
    at = page(view="Details", versions_of="model")
    assert "Model one is right more often than model two: 40 of 40 against 20 of 40" in (
        pages.words_of(at)
    )
