"""People and sign-ins in the store: who is let in, and that each write asks again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import desk
import pytest

from store import audit, holds, people, policies, registry, sign_ins
from store.engine import Store
from store.errors import BadInput, NotAllowed, NotFound, SignedOut
from store.registry import CompanyFacts
from store.sign_ins import Vouched
from store.transitions import Role, SignInMethod

HOUR = timedelta(hours=1)


def company(store: Store, now: datetime, roles: Mapping[str, Role], **identities: str) -> None:
    facts = CompanyFacts(
        name="Larkspur Outfitters",
        currency="EUR",
        is_demo=False,
        people=tuple(roles.items()),
        identities=identities,
        policy=desk.POLICY,
    )
    store.transact(registry.register_company, facts, now=now)


@pytest.fixture(autouse=True)
def staff(store: Store, now: datetime) -> None:
    roles = {"Ada": Role.ADMIN, "Ana": Role.OPERATOR, "Mo": Role.MANAGER}
    company(store, now, roles, Ana="ana@example.com", Mo="mo@example.com")


def vouched(identity: str, role: Role | None = None, name: str = "") -> Vouched:
    return Vouched(SignInMethod.OIDC, identity, name=name, role=role)


def enter(store: Store, who: Vouched, now: datetime, token: str = "t") -> str:
    return store.transact(sign_ins.start, who, token, hours=10, now=now).person


def hold(store: Store, token: str, person: str, now: datetime) -> None:
    store.transact(
        sign_ins.acting, token, now, holds.set_hold, person=person, kind=None, is_held=True, now=now
    )


def change(store: Store, name: str, now: datetime, **what: Any) -> None:
    store.transact(people.set_person, name, by=what.pop("by", "Ada"), now=now, **what)


def role_of(store: Store, name: str) -> Role:
    return {one.name: one.role for one in store.read(people.everybody)}[name]


def test_a_live_sign_in_writes(store: Store, now: datetime) -> None:
    enter(store, vouched("MO@example.com"), now)
    hold(store, "t", "Mo", now + HOUR)
    assert store.read(holds.in_force)


@pytest.mark.parametrize("ending", ["out", "expired", "inactive", "unknown"])
def test_a_sign_in_that_ended_writes_nothing(store: Store, now: datetime, ending: str) -> None:
    enter(store, vouched("mo@example.com"), now)
    token, at = "t", now + HOUR
    if ending == "out":
        store.transact(sign_ins.end, "t", now=now)
    elif ending == "expired":
        at = now + 10 * HOUR
    elif ending == "inactive":
        change(store, "Mo", now, is_active=False)
    else:
        token = "other"
    with pytest.raises(SignedOut, match="Sign in again; what you typed is kept"):
        hold(store, token, "Mo", at)
    assert store.read(sign_ins.find, token, now=at) is None
    assert store.read(holds.in_force) == []


def test_the_moment_before_it_runs_out_it_still_writes(store: Store, now: datetime) -> None:
    enter(store, vouched("mo@example.com"), now)
    hold(store, "t", "Mo", now + 10 * HOUR - timedelta(microseconds=1))


def test_a_revoked_role_is_refused_at_the_next_write(store: Store, now: datetime) -> None:
    enter(store, vouched("mo@example.com"), now)
    change(store, "Mo", now, role=Role.OPERATOR)
    with pytest.raises(NotAllowed, match=r"Mo. is operator"):
        hold(store, "t", "Mo", now)
    with pytest.raises(NotAllowed, match="needs a manager"):
        store.transact(
            sign_ins.acting, "t", now, policies.publish, desk.POLICY, author="Mo", note="", now=now
        )
    found = store.read(sign_ins.find, "t", now=now)
    assert found is not None
    assert found.role is Role.OPERATOR


def test_somebody_let_in_again_has_to_sign_in_again(store: Store, now: datetime) -> None:
    enter(store, vouched("mo@example.com"), now)
    change(store, "Mo", now, is_active=False)
    change(store, "Mo", now, is_active=True)
    assert store.read(sign_ins.find, "t", now=now) is None
    assert enter(store, vouched("mo@example.com"), now, "again") == "Mo"


@pytest.mark.parametrize("identity", ["eve@example.com", "Ana", "ana", "", " "])
def test_nobody_unknown_gets_in(store: Store, now: datetime, identity: str) -> None:
    with pytest.raises(
        NotAllowed, match=r"Larkspur Outfitters knows nobody.*Ask one of its admins"
    ):
        enter(store, vouched(identity), now)
    assert store.read(sign_ins.find, "t", now=now) is None


def test_somebody_shut_out_does_not_get_in(store: Store, now: datetime) -> None:
    change(store, "Ana", now, is_active=False)
    for role in (None, Role.ADMIN):
        with pytest.raises(NotAllowed, match="no longer lets"):
            enter(store, vouched("ana@example.com", role), now)


def test_signing_in_and_out_is_on_the_audit_trail(store: Store, now: datetime) -> None:
    enter(store, vouched("ana@example.com"), now)
    store.transact(sign_ins.end, "t", now=now)
    store.transact(sign_ins.end, "t", now=now)
    for tag in ("person:signed_in", "person:signed_out"):
        (body,) = store.read(audit.find_authentic, tag=tag, subject="person:Ana")
        assert body == {"by": "oidc", "as": "ana@example.com"}


def test_claims_make_people_and_keep_their_role_up_to_date(store: Store, now: datetime) -> None:
    assert enter(store, vouched("eli@x.org", Role.OPERATOR, "Eli"), now, "a") == "Eli"
    assert enter(store, vouched("eli@x.org", Role.MANAGER, "Elias"), now, "b") == "Eli"
    assert role_of(store, "Eli") is Role.MANAGER
    said = store.read(audit.find_authentic, tag=registry.CHANGED, subject="person:Eli")
    assert [one["role"] for one in said] == ["operator", "manager"]


def test_a_name_is_never_taken_over(store: Store, now: datetime) -> None:
    assert enter(store, vouched("eve@x.org", Role.OPERATOR, "Mo"), now) == "eve@x.org"
    assert role_of(store, "Mo") is Role.MANAGER
    with pytest.raises(NotAllowed, match="already called"):
        enter(store, vouched("Ada", Role.OPERATOR, ""), now, "u")


def test_what_cannot_be_seen_in_a_name_is_left_out(store: Store, now: datetime) -> None:
    hidden = "  E\u202el\u200bi\n\x00 "
    assert enter(store, vouched("eli@x.org", Role.OPERATOR, hidden), now) == "Eli"
    assert enter(store, vouched("emi@x.org", Role.OPERATOR, "\u200b"), now, "u") == "emi@x.org"


@pytest.mark.parametrize("by", ["Ana", "Mo", "nobody"])
def test_only_admins_change_people(store: Store, now: datetime, by: str) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        change(store, "Ana", now, role=Role.ADMIN, by=by)
    assert role_of(store, "Ana") is Role.OPERATOR


def test_the_last_admin_stays(store: Store, now: datetime) -> None:
    for what in ({"role": Role.OPERATOR}, {"is_active": False}):
        with pytest.raises(NotAllowed, match="last admin"):
            change(store, "Ada", now, **what)
    change(store, "Mo", now, role=Role.ADMIN)
    change(store, "Ada", now, role=Role.OPERATOR)


@pytest.mark.parametrize("name", ["", " Eli", "E\u202eli", "x" * 81])
def test_a_name_that_could_disguise_somebody_is_refused(
    store: Store, now: datetime, name: str
) -> None:
    with pytest.raises(BadInput, match="visible characters"):
        change(store, name, now, role=Role.OPERATOR)


def test_one_identity_is_one_person(store: Store, now: datetime) -> None:
    with pytest.raises(BadInput, match="already `Ana`"):
        change(store, "Mo", now, identity=" ANA@example.com ")
    with pytest.raises(BadInput, match="needs a role"):
        change(store, "Eli", now, identity="eli@x.org")
    with pytest.raises(BadInput, match="is empty"):
        change(store, "Ana", now, identity=" ")


def test_the_folder_never_gives_back_what_an_admin_took(store: Store, now: datetime) -> None:
    change(store, "Mo", now, role=Role.OPERATOR)
    change(store, "Ana", now, is_active=False)
    before = store.read(people.everybody)
    company(store, now, {"Ana": Role.OPERATOR, "Mo": Role.MANAGER}, Ana="a@x.org", Mo="m@x.org")
    assert store.read(people.everybody) == before


def test_the_folder_changes_those_it_alone_spoke_of(store: Store, now: datetime) -> None:
    company(store, now, {"Ana": Role.MANAGER}, Ana="ana@new.example")
    assert enter(store, vouched("ana@new.example"), now) == "Ana"
    assert role_of(store, "Ana") is Role.MANAGER
    (said,) = store.read(audit.find_authentic, tag="person:registered", subject="person:Ana")
    assert said == {"role": "manager", "identity": "ana@new.example"}
