"""`greenlight policy show` and `policy publish`."""

import json
from datetime import timedelta
from pathlib import Path

import builders
import pytest
from builders import NOW
from cli_runner import document, greenlight

from store import certificates, policies
from store.certificates import Evidence
from store.engine import Store
from store.gate import Promise

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def shop(store: Store) -> Store:
    store.transact(builders.company)
    return store


def test_the_active_policy_is_shown_with_its_version(shop: Store) -> None:
    shown = document("policy", "show")
    assert (shown["ok"], shown["version"], shown["status"]) == (True, 1, "active")
    assert shown["policy"]["threshold"] == 0.85
    assert "threshold" in greenlight("policy", "show").stdout


def test_a_manager_publishes_a_threshold_and_the_other_rules_stay(shop: Store) -> None:
    before = document("policy", "show")["policy"]
    published = document("policy", "publish", "--threshold", 0.9, "--as", "Mo", "--note", "Safer")
    assert (published["version"], published["note"], published["author"]) == (2, "Safer", "Mo")
    assert published["policy"] == {**before, "threshold": 0.9}
    assert shop.read(policies.active).version == 2
    assert document("policy", "show", 1)["status"] == "retired"


def test_what_show_prints_can_be_edited_and_published(shop: Store, tmp_path: Path) -> None:
    shown = document("policy", "show")
    shown["policy"]["daily_cap_minor"] = 5_000
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(shown))
    published = document("policy", "publish", file, "--as", "Mo")
    assert published["policy"]["daily_cap_minor"] == 5_000


def test_an_operator_may_not_publish(shop: Store) -> None:
    result = greenlight("policy", "publish", "--threshold", 0.5, "--as", "Ana", code=1)
    assert "needs a manager" in result.stderr
    assert shop.read(policies.active).version == 1


def test_a_policy_that_is_none_is_refused_with_the_place(shop: Store, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    for text, said in (
        ("{", "not a policy in JSON"),
        ("[" * 200_000, "nested too deeply"),
        ("[]", "not a JSON object"),
        ("\ufeff[]", "not a JSON object"),
    ):
        file.write_text(text)
        assert said in greenlight("policy", "publish", file, "--as", "Mo", code=1).stderr
    file.write_text('{"treshold": 0.9}')
    assert "`treshold`" in greenlight("policy", "publish", file, "--as", "Mo", code=1).stderr


def test_nothing_to_publish_is_wrong_usage(shop: Store) -> None:
    greenlight("policy", "publish", "--as", "Mo", code=2)
    greenlight("policy", "publish", "--as", "Mo", "--threshold", 1.5, code=2)


def test_without_a_policy_there_is_one_clear_line(store: Store) -> None:
    assert "No policy is published yet" in greenlight("policy", "show", code=1).stderr
    assert "no policy version 7" in greenlight("policy", "show", 7, code=1).stderr


def test_show_names_what_is_suspended_and_how_to_reopen_it(shop: Store) -> None:
    evidence = Evidence(0.9, 500, 400, 1, ("sure-1",), {}, NOW, NOW)

    def issued(kind: str) -> int:
        return shop.transact(
            certificates.issue,
            policy_version=1,
            kind=kind,
            promise=Promise(max_error=0.02),
            evidence=evidence,
            person="Mo",
            now=NOW,
        )

    standing, broken, lapsed = issued("*"), issued("refund"), issued("reply_only")
    shop.transact(certificates.suspend, broken, "too many wrong", now=NOW + timedelta(days=1))
    shop.transact(certificates.lapse, lapsed, "fitted anew", now=NOW)
    told = {one["id"]: one for one in document("policy", "show")["certificates"]}
    assert told[broken] == {
        "id": broken,
        "kind": "refund",
        "max_error": 0.02,
        "state": "suspended",
        "since": (NOW + timedelta(days=1)).isoformat(),
        "why": "too many wrong",
    }
    assert (told[standing]["state"], told[lapsed]["state"]) == ("standing", "lapsed")
    printed = " ".join(greenlight("policy", "show").stdout.split())
    assert f"Certificate {broken}, suspended since " in printed
    assert f"greenlight policy reopen {broken} --as NAME" in printed
    assert printed.count("policy reopen") == 1
    greenlight("policy", "publish", "--threshold", 0.9, "--as", "Mo")
    assert [one["id"] for one in document("policy", "show")["certificates"]] == [broken]
    shop.transact(certificates.reopen, broken, person="Mo", now=NOW)
    assert document("policy", "show")["certificates"] == []
