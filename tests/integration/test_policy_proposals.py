"""A loosening takes two managers where the active policy says so; until then nothing changes."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import builders
import gated
import pytest
import small_company as small
from cli_runner import document, greenlight
from sqlmodel import Session

from agents.company import FILE_NAME, load
from store import policies
from store.audit import find_authentic
from store.engine import Store
from store.errors import IllegalTransition, NotAllowed, NotFound
from store.gate import PolicyBody
from store.schema import Person
from store.transitions import Outcome, PolicyStatus, Role

STRICT = PolicyBody(needs_second_manager=True)
LOOSER = STRICT.model_copy(update={"threshold": 0.6})


@pytest.fixture
def shop(store: Store) -> Store:
    """A company with two managers and an admin."""

    def register(session: Session) -> None:
        builders.company(session, policy=STRICT)
        session.add(Person(name="Zoe", role=Role.MANAGER))
        session.add(Person(name="Ada", role=Role.ADMIN))

    store.transact(register)
    return store


def publish(store: Store, body: PolicyBody, author: str, now: datetime) -> int:
    return store.transact(policies.publish, body, author=author, note="fewer cards", now=now)


def set_person(store: Store, name: str, **values: Any) -> None:
    def change(session: Session) -> None:
        person = session.get_one(Person, name)
        for field, value in values.items():
            setattr(person, field, value)
        session.add(person)

    store.transact(change)


def said(store: Store, tag: str, version: int) -> list[dict[str, Any]]:
    return store.read(find_authentic, tag=tag, subject=f"policy:{version}")


def test_a_loosening_is_only_proposed_and_gates_nothing(shop: Store, now: datetime) -> None:
    number = publish(shop, LOOSER, "Mo", now)
    proposal = shop.read(policies.version, number)
    assert (proposal.status, proposal.state) == (PolicyStatus.DRAFT, "proposed")
    assert (proposal.proposed_at, proposal.published_at) == (now, None)
    assert shop.read(policies.active).version == 1
    assert gated.case(shop, confidence=0.7).outcome is Outcome.ESCALATE
    (entry,) = said(shop, "policy:proposed", number)
    assert entry["loosens"] == ["Threshold 0.85 → 0.60"]
    assert said(shop, "policy:published", number) == []


@pytest.mark.parametrize("approver", ["Zoe", "Ada"])
def test_another_manager_or_admin_makes_it_active(
    shop: Store, now: datetime, approver: str
) -> None:
    number = publish(shop, LOOSER, "Mo", now)
    later = now + timedelta(hours=1)
    shop.transact(policies.approve, number, person=approver, now=later)
    active = shop.read(policies.active)
    assert (active.version, active.author, active.approved_by) == (number, "Mo", approver)
    assert active.published_at == later
    assert shop.read(policies.version, 1).state == "retired"
    assert gated.case(shop, confidence=0.7).outcome is Outcome.PASS
    (entry,) = said(shop, "policy:published", number)
    assert (entry["proposed_by"], entry["body"]) == ("Mo", LOOSER.model_dump(mode="json"))


def test_its_author_cannot_approve_it(shop: Store, now: datetime) -> None:
    number = publish(shop, LOOSER, "Mo", now)
    with pytest.raises(NotAllowed, match="yourself: another manager"):
        shop.transact(policies.approve, number, person="Mo", now=now)
    assert shop.read(policies.active).version == 1


@pytest.mark.parametrize("person", ["Ana", "Nobody", ""])
def test_an_operator_neither_approves_nor_withdraws(
    shop: Store, now: datetime, person: str
) -> None:
    number = publish(shop, LOOSER, "Mo", now)
    for verb in (policies.approve, policies.withdraw):
        with pytest.raises(NotAllowed, match="manager"):
            shop.transact(verb, number, person=person, now=now)
    assert shop.read(policies.version, number).state == "proposed"


@pytest.mark.parametrize("gone", [{"is_active": False}, {"role": Role.OPERATOR}])
def test_roles_are_read_anew_for_both_people(
    shop: Store, now: datetime, gone: dict[str, Any]
) -> None:
    number = publish(shop, LOOSER, "Mo", now)
    set_person(shop, "Zoe", **gone)
    with pytest.raises(NotAllowed, match="`Zoe` may not publish"):
        shop.transact(policies.approve, number, person="Zoe", now=now)
    set_person(shop, "Mo", **gone)
    with pytest.raises(NotAllowed, match="`Mo`, who proposed version 2, may not"):
        shop.transact(policies.approve, number, person="Ada", now=now)


def test_a_stricter_policy_is_published_by_one_manager(shop: Store, now: datetime) -> None:
    number = publish(shop, STRICT.model_copy(update={"threshold": 0.95}), "Mo", now)
    assert shop.read(policies.active).version == number


def test_switching_the_second_manager_off_takes_a_second_manager(
    shop: Store, now: datetime
) -> None:
    number = publish(shop, PolicyBody(), "Mo", now)
    assert shop.read(policies.version, number).state == "proposed"


def test_without_the_rule_a_loosening_is_published_at_once(store: Store, now: datetime) -> None:
    store.transact(builders.company)
    assert publish(store, PolicyBody(threshold=0.6), "Mo", now) == 2
    assert store.read(policies.active).body.threshold == 0.6


def test_a_proposal_is_closed_by_whatever_is_published_after_it(shop: Store, now: datetime) -> None:
    stale = publish(shop, LOOSER, "Mo", now)
    publish(shop, STRICT.model_copy(update={"threshold": 0.95}), "Zoe", now)
    assert shop.read(policies.proposals) == []
    assert shop.read(policies.version, stale).state == "not published"
    with pytest.raises(IllegalTransition, match="publish it again on today's policy"):
        shop.transact(policies.approve, stale, person="Zoe", now=now)
    assert len(said(shop, "policy:overtaken", stale)) == 1


def test_of_two_proposals_approving_one_closes_the_other(shop: Store, now: datetime) -> None:
    first = publish(shop, LOOSER, "Mo", now)
    second = publish(shop, STRICT.model_copy(update={"audit_rate": 0.0}), "Zoe", now)
    assert [one.version for one in shop.read(policies.proposals)] == [second, first]
    shop.transact(policies.approve, first, person="Zoe", now=now)
    assert shop.read(policies.proposals) == []
    assert shop.read(policies.active).version == first


def test_proposing_again_replaces_ones_own_proposal(shop: Store, now: datetime) -> None:
    first = publish(shop, LOOSER, "Mo", now)
    again = publish(shop, LOOSER.model_copy(update={"threshold": 0.7}), "Mo", now)
    assert [one.version for one in shop.read(policies.proposals)] == [again]
    assert shop.read(policies.version, first).state == "not published"


def test_a_withdrawn_proposal_stays_closed(shop: Store, now: datetime) -> None:
    number = publish(shop, LOOSER, "Mo", now)
    shop.transact(policies.withdraw, number, person="Zoe", now=now)
    for verb in (policies.approve, policies.withdraw):
        with pytest.raises(IllegalTransition, match="withdrawn"):
            shop.transact(verb, number, person="Zoe", now=now)
    assert len(said(shop, "policy:withdrawn", number)) == 1


def test_what_is_published_already_is_no_proposal(shop: Store, now: datetime) -> None:
    with pytest.raises(IllegalTransition, match="it was published"):
        shop.transact(policies.approve, 1, person="Zoe", now=now)
    with pytest.raises(NotFound, match="no policy version 9"):
        shop.transact(policies.approve, 9, person="Zoe", now=now)


def test_a_company_says_in_its_file_that_loosening_takes_two(tmp_path: Path) -> None:
    folder = small.write(tmp_path)
    assert not load(folder).policy.needs_second_manager
    file = folder / FILE_NAME
    said = file.read_text("utf-8").replace("[policy]\n", "[policy]\nneeds_second_manager = true\n")
    file.write_text(said, "utf-8")
    assert load(folder).policy.needs_second_manager


@pytest.mark.usefixtures("shop")
def test_the_command_line_proposes_says_who_must_agree_and_publishes_with_them() -> None:
    told = greenlight("policy", "publish", "--threshold", 0.6, "--as", "Mo").stdout
    assert "Policy 2 is proposed, not active" in told
    assert "Ada or Zoe: greenlight policy approve 2" in told
    assert "Version 2 is proposed by Mo" in greenlight("policy", "show").stdout
    shown = document("policy", "show")
    assert (shown["version"], shown["proposals"]) == (1, [2])
    assert "yourself" in greenlight("policy", "approve", 2, "--as", "Mo", code=1).stderr
    for command in ("approve", "withdraw"):
        refused = greenlight("policy", command, 2, "--as", "Ana", code=1)
        assert "needs a manager" in refused.stderr
    approved = document("policy", "approve", 2, "--as", "Zoe")
    assert (approved["state"], approved["approved_by"]) == ("active", "Zoe")


@pytest.mark.usefixtures("shop")
def test_the_command_line_withdraws_a_proposal() -> None:
    greenlight("policy", "publish", "--audit-rate", 0, "--as", "Mo")
    assert "Nothing else changed" in greenlight("policy", "withdraw", 2, "--as", "Mo").stdout
    assert "today's policy" in greenlight("policy", "approve", 2, "--as", "Zoe", code=1).stderr
    assert "Policy 1, active" in greenlight("policy", "show").stdout


def test_a_lone_manager_is_told_that_nobody_can_agree(store: Store) -> None:
    store.transact(builders.company, policy=STRICT)
    told = greenlight("policy", "publish", "--threshold", 0.6, "--as", "Mo").stdout
    assert "There is no other: add one under [people]" in told
