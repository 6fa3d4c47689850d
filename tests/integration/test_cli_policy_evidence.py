"""`greenlight policy recommend`, `preview`, `reopen` and `shadow`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import builders
import certifiable
import pytest
from cli_runner import document, greenlight

from store import certificates, policies, shadows
from store.engine import Store
from store.gate import PolicyBody, Promise

pytestmark = pytest.mark.usefixtures("settings")
TODAY = datetime.now(UTC)
RECENTLY = TODAY - timedelta(days=10)
TWO = Promise(max_error=0.02)


@pytest.fixture
def audited(store: Store) -> Store:
    """Three hundred judged drafts above 0.95 and a hundred below, of which 40 were wrong."""
    store.transact(certifiable.drafts, [0.99] * 300, at=RECENTLY)
    store.transact(certifiable.drafts, [0.6] * 100, wrong=40, at=RECENTLY)
    others = [0.99] * 300 + [0.6] * 100
    store.transact(certifiable.drafts, others, is_drawn=False, is_judged=False, at=RECENTLY)
    return store


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    path = tmp_path / "candidate.json"
    path.write_text(PolicyBody(threshold=0.5).model_dump_json(), encoding="utf-8")
    return path


def test_the_certified_threshold_is_recommended_with_what_it_costs(audited: Store) -> None:
    found = document("policy", "recommend", "--max-error", 0.02, "--assurance", 0.95)
    assert (found["ok"], found["threshold"], found["code"]) == (True, 0.6, "certified")
    assert (found["labels"], found["labels_needed"]) == (400, 0)
    assert (found["sent"], found["wrong"]) == (300, 0)
    assert found["automatic_share"] == pytest.approx(0.75)
    assert found["cards_per_day"] > 0
    assert greenlight("policy", "recommend").stdout.startswith("Threshold 0.6. With 95")


def test_it_abstains_with_the_audits_still_needed(audited: Store) -> None:
    found = document("policy", "recommend", "--max-error", 0.005)
    assert (found["ok"], found["threshold"], found["automatic_share"]) == (True, None, None)
    assert found["labels_needed"] > 0
    assert f"{found['labels_needed']:,}".replace(",", "\u202f") in found["reason"]


def test_without_a_coin_it_cannot_be_known(store: Store) -> None:
    store.transact(builders.company)
    found = document("policy", "recommend")
    assert (found["threshold"], found["coin_rate"]) == (None, None)
    said = greenlight("policy", "recommend").stdout
    assert "Nobody checks what was sent alone. This figure cannot be known." in said


def test_an_unknown_action_kind_is_named(store: Store) -> None:
    store.transact(builders.company)
    failed = greenlight("policy", "recommend", "--kind", "refnud", code=1)
    assert "There is no action kind `refnud`. Known: " in failed.stderr


def test_a_policy_is_previewed_and_nothing_is_published(audited: Store, candidate: Path) -> None:
    found = document("policy", "preview", candidate)
    assert (found["now"]["automatic"], found["then"]["automatic"]) == (600, 800)
    assert (found["flips_to_automatic"], found["flips_to_person"]) == (200, 0)
    assert found["then"]["wrong"]["wrong"] == 40
    assert len(found["curve"]) == 59
    flip = found["flips"][0]
    assert (flip["now"], flip["is_right"], flip["intent"]) == ("escalate", None, None)
    shown = greenlight("policy", "preview", candidate).stdout
    assert "200 would go out alone that did not, 0 to a person." in shown
    assert "40 of 400" in shown
    assert audited.read(policies.active).version == 1


def test_a_preview_says_what_a_suspended_promise_stops_whatever_the_policy(
    audited: Store, candidate: Path
) -> None:
    assert document("policy", "preview", candidate)["suspended"] == []
    assert "suspended" not in greenlight("policy", "preview", candidate).stdout
    body = PolicyBody(threshold=0.9, promises={"*": TWO})
    audited.transact(policies.publish, body, author="Mo", note="", now=TODAY)
    (one,) = audited.read(certificates.certificates)
    audited.transact(certificates.suspend, one.id, "too many wrong", now=TODAY)
    assert document("policy", "preview", candidate)["suspended"] == ["*"]
    said = " ".join(greenlight("policy", "preview", candidate).stdout.split())
    assert "until a manager reopens it, everything goes to a person. Neither policy" in said
    greenlight("policy", "shadow", "start", candidate, "--as", "Mo")
    said = " ".join(greenlight("policy", "shadow", "show").stdout.split())
    assert "everything goes to a person. The live policy is counted with that" in said


RULES: dict[str, dict[str, object]] = {
    "thresholds": {"thresholds": {"refnud": 0.99}},
    "amount_rules": {"amount_rules": [{"kind": "refnud", "above_minor": 100}]},
    "always_person": {"always_person": ["refnud"]},
    "undo_seconds": {"undo_seconds": {"refnud": 60}},
    "delay_seconds": {"delay_seconds": {"refnud": 60}},
    "promises": {"promises": {"refnud": {"max_error": 0.02}}},
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_for_an_action_kind_that_nobody_has_is_refused(
    store: Store, tmp_path: Path, rule: str
) -> None:
    store.transact(builders.company)
    slip = tmp_path / "slip.json"
    slip.write_text(json.dumps(RULES[rule]), encoding="utf-8")
    for command in (("preview",), ("shadow", "start", "--as", "Mo"), ("publish", "--as", "Mo")):
        said = greenlight("policy", *command, slip, code=1).stderr
        assert f"There is no action kind `refnud`, which `{rule}` is about. Known: " in said
        assert "refund" in said
    assert store.read(policies.active).version == 1
    assert store.read(shadows.running) is None


def test_a_kind_of_the_active_policy_may_stay_when_its_tool_is_gone(store: Store) -> None:
    store.transact(builders.company, policy=PolicyBody(thresholds={"voucher": 0.99}))
    greenlight("policy", "publish", "--threshold", 0.9, "--as", "Mo")
    assert store.read(policies.active).body.thresholds == {"voucher": 0.99}


def test_there_is_nothing_to_preview_on_without_drafts(store: Store, candidate: Path) -> None:
    store.transact(builders.company)
    assert "nothing to try it on" in greenlight("policy", "preview", candidate).stdout
    assert document("policy", "preview", candidate)["curve"] == []


def test_a_policy_with_a_wrong_rule_is_refused_with_its_place(store: Store, tmp_path: Path) -> None:
    store.transact(builders.company)
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"threshold": 2}), encoding="utf-8")
    assert "`threshold`" in greenlight("policy", "preview", wrong, code=1).stderr


def test_a_manager_reopens_what_a_broken_promise_stopped(audited: Store) -> None:
    body = PolicyBody(threshold=0.9, promises={"*": TWO})
    audited.transact(policies.publish, body, author="Mo", note="", now=TODAY)
    (one,) = audited.read(certificates.certificates)
    early = greenlight("policy", "reopen", one.id, "--as", "Mo", code=1)
    assert "not suspended" in early.stderr
    audited.transact(certificates.suspend, one.id, "too many wrong", now=TODAY)
    refused = greenlight("policy", "reopen", one.id, "--as", "Ana", code=1)
    assert "manager" in refused.stderr
    opened = document("policy", "reopen", one.id, "--as", "Mo", "--note", "mended")
    assert (opened["certificate"], opened["state"]) == (one.id, "reopened")
    assert audited.read(certificates.certificate, one.id).why == "mended"


def test_a_shadow_is_started_shown_and_stopped(store: Store, candidate: Path) -> None:
    store.transact(builders.company)
    assert document("policy", "shadow", "show")["shadow"] is None
    assert "needs a manager" in (
        greenlight("policy", "shadow", "start", candidate, "--as", "Ana", code=1).stderr
    )
    started = document("policy", "shadow", "start", candidate, "--as", "Mo", "--note", "laxer")
    running = store.read(shadows.running)
    assert running is not None
    assert (started["shadow"], running.body.threshold) == (running.id, 0.5)
    shown = document("policy", "shadow", "show")["shadow"]
    assert (shown["id"], shown["judged"], shown["right_live"]["rate"]) == (running.id, 0, None)
    table = greenlight("policy", "shadow", "show").stdout
    assert "Shadow 1 runs, by Mo" in table
    assert "unknown" in table
    assert document("policy", "shadow", "stop", "--as", "Mo")["shadow"] == running.id
    assert store.read(shadows.running) is None
    assert "No shadow policy runs" in (
        greenlight("policy", "shadow", "stop", "--as", "Mo", code=1).stderr
    )
