"""`greenlight people list` and `people set`."""

from datetime import datetime

import desk
import pytest
from cli_runner import document, greenlight

from store import registry
from store.engine import Store
from store.registry import CompanyFacts
from store.transitions import Role

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture(autouse=True)
def company(store: Store, now: datetime) -> None:
    facts = CompanyFacts(
        name="Larkspur Outfitters",
        currency="EUR",
        is_demo=False,
        people=(("Ada", Role.ADMIN), ("Ana", Role.OPERATOR), ("Mo", Role.MANAGER)),
        policy=desk.POLICY,
    )
    store.transact(registry.register_company, facts, now=now)


def test_an_admin_adds_and_changes_people() -> None:
    added = document(
        "people", "set", "Eli", "--role", "operator", "--identity", "Eli@X.org", "--as", "Ada"
    )
    assert added["person"] == {
        "name": "Eli",
        "role": "operator",
        "is_active": True,
        "identity": "eli@x.org",
    }
    document("people", "set", "Eli", "--inactive", "--as", "Ada")
    listed = {one["name"]: one for one in document("people", "list")["people"]}
    assert (listed["Eli"]["is_active"], listed["Ana"]["role"]) == (False, "operator")
    assert "operator, inactive" in greenlight("people", "list").stdout
    assert (
        "Mo is operator."
        in greenlight("people", "set", "Mo", "--role", "operator", "--as", "Ada").stdout
    )


@pytest.mark.parametrize("person", ["Ana", "Mo", "nobody"])
def test_nobody_but_an_admin_changes_people(store: Store, person: str) -> None:
    greenlight("people", "set", person, "--role", "admin", "--as", person, code=1)
    assert {one.name for one in store.read(registry.people) if one.role is Role.ADMIN} == {"Ada"}


def test_a_change_of_nothing_is_wrong_usage() -> None:
    greenlight("people", "set", "Ana", "--as", "Ada", code=2)


def test_a_person_made_an_operator_publishes_and_holds_no_more() -> None:
    greenlight("hold", "on", "--as", "Mo")
    greenlight("people", "set", "Mo", "--role", "operator", "--as", "Ada")
    assert "this needs manager" in greenlight("hold", "off", "--as", "Mo", code=1).stderr
    result = greenlight("policy", "publish", "--threshold", 0.5, "--as", "Mo", code=1)
    assert "needs a manager" in result.stderr
