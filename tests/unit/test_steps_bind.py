"""Binding: the model proposes, code decides who, whose and how much."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_company as small
import two_actions
from hypothesis import given
from hypothesis import strategies as st

from agents.bind import bind
from agents.company import Company
from agents.ports import Proposal, ProposedAction
from store.actions import Action, digest
from store.outputs import Reason

FACTS = {"charges": {"customer_id": "C-1", "duplicates": [{"order_id": "TK-1111"}]}}
TICKET = small.ticket("I was charged twice")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder: Path = tmp_path_factory.mktemp("company")
    return small.small_company(folder)


def refund(**args: Any) -> Proposal:
    chosen = {"order_id": "TK-1111", "amount_minor": 4_200, **args}
    return Proposal(reply="We are refunding it.", kind="refund", args=chosen)


def bound(
    company: Company, proposal: Proposal, ticket: Any = TICKET, facts: Any = FACTS
) -> tuple[Action, list[str]]:
    action, blocks = bind(company, small.schemas(), ticket, proposal, facts)
    assert all(isinstance(reason, Reason) for reason in blocks)
    digest(proposal.reply, action)  # whatever was proposed, the result can be pinned
    return action, [reason.code for reason in blocks]


def test_a_fitting_proposal_becomes_the_exact_action(company: Company) -> None:
    action, blocks = bound(company, refund())
    assert blocks == []
    assert action == Action(
        kind="refund",
        tool="issue_refund",
        args={"customer_id": "C-1", "order_id": "TK-1111", "amount_minor": 4_200},
        amount_minor=4_200,
        currency="EUR",
        customer_id="C-1",
        order_id="TK-1111",
    )


def test_another_customer_in_the_arguments_blocks_and_is_not_kept(company: Company) -> None:
    action, blocks = bound(company, refund(customer_id="C-2"))
    assert blocks == ["recipient_mismatch"]
    assert action.args["customer_id"] == "C-1"


def test_without_a_customer_on_the_ticket_nothing_may_be_done(company: Company) -> None:
    stranger = replace(TICKET, customer_id=None)
    action, blocks = bound(company, refund(customer_id="C-1"), stranger)
    assert {"no_customer", "recipient_mismatch"} <= set(blocks)
    assert "customer_id" not in action.args


def test_an_order_nobody_looked_up_blocks(company: Company) -> None:
    assert bound(company, refund(order_id="TK-9999"))[1] == ["unknown_order"]
    assert bound(company, refund(), facts={"note": "about TK-1111"})[1] == ["unknown_order"]


def test_an_order_of_another_customer_blocks(company: Company) -> None:
    facts = {"order": {"customer_id": "C-2", "items": [{"order_id": "TK-1111"}]}}
    assert bound(company, refund(), facts=facts)[1] == ["foreign_order"]


@pytest.mark.parametrize("amount", [42.0, "4200", True, -1, None, [1], 1 << 60])
def test_an_amount_that_is_not_whole_minor_units_blocks(company: Company, amount: object) -> None:
    action, blocks = bound(company, refund(amount_minor=amount))
    assert "invalid_amount" in blocks
    assert action.amount_minor is None


@pytest.mark.parametrize("extra", ["currency", "idempotency_key", "__class__"])
def test_an_argument_that_was_not_asked_for_blocks(company: Company, extra: str) -> None:
    _, blocks = bound(company, refund(**{extra: "x"}))
    assert set(blocks) & {"invalid_arguments", "unexpected_argument"}


def test_an_unknown_kind_or_tool_blocks(company: Company) -> None:
    action, blocks = bound(company, replace(refund(), kind="free_money"))
    assert (action.tool, blocks) == (None, ["unknown_action"])
    assert bound(company, replace(refund(), kind=""))[1] == ["unknown_action"]
    _, reasons = bind(company, {}, TICKET, refund(), FACTS)
    assert [reason.code for reason in reasons] == ["unknown_tool"]


def test_arguments_that_are_no_json_block_instead_of_raising(company: Company) -> None:
    for broken in (float("nan"), "\ud800", object()):
        _, blocks = bound(company, refund(order_id=broken))
        assert "invalid_arguments" in blocks


def test_a_reply_takes_no_arguments(company: Company) -> None:
    action, blocks = bound(company, Proposal(reply="Hello", kind="reply_only", args={"to": "x"}))
    assert action.is_reply_only
    assert blocks == ["unexpected_argument"]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return two_actions.two_actions(tmp_path_factory.mktemp("several"))


def with_further(*further: ProposedAction, **args: Any) -> Proposal:
    return replace(refund(**args), also=further)


def bound_parts(
    company: Company, proposal: Proposal, facts: Any = FACTS
) -> tuple[Action, list[str]]:
    action, blocks = bind(company, two_actions.schemas(), TICKET, proposal, facts)
    digest(proposal.reply, action)
    assert Action.model_validate(action.model_dump()) == action, "what is bound can be stored"
    return action, [reason.code for reason in blocks]


CANCEL = ProposedAction("cancel", {"order_id": "TK-1111"})
REFUND = {"order_id": "TK-1111", "amount_minor": 4_200}


def test_every_part_is_bound_by_itself_and_for_the_tickets_customer(several: Company) -> None:
    action, blocks = bound_parts(several, with_further(CANCEL))
    assert blocks == []
    first, second = action.parts
    assert (first.tool, first.amount_minor, first.also) == ("issue_refund", 4_200, ())
    assert second == Action(
        kind="cancel",
        tool="cancel_order",
        args={"customer_id": "C-1", "order_id": "TK-1111"},
        customer_id="C-1",
        order_id="TK-1111",
    )
    assert (action.total_minor, action.total_currency) == (4_200, "EUR")


@pytest.mark.parametrize(
    ("further", "code"),
    [
        (ProposedAction("refund", {**REFUND, "customer_id": "C-2"}), "recipient_mismatch"),
        (ProposedAction("refund", {**REFUND, "order_id": "TK-9999"}), "unknown_order"),
        (ProposedAction("refund", {"order_id": "TK-1111"}), "invalid_amount"),
        (ProposedAction("refund", {**REFUND, "amount_minor": None}), "invalid_amount"),
        (ProposedAction("refund", {**REFUND, "amount_minor": -4_200}), "invalid_amount"),
        (ProposedAction("cancel", {"order_id": "TK-1111", "idempotency_key": "k"}), "unexpected"),
        (ProposedAction("cancel", {"order_id": "TK-1111", "amount_minor": 1}), "invalid_arguments"),
        (ProposedAction("cancel", {"order_id": float("nan")}), "invalid_arguments"),
        (ProposedAction("reverse_refund", REFUND), "unknown_action"),
        (ProposedAction("send_reply", {"text": "x"}), "unknown_action"),
        (ProposedAction("reply_only"), "unknown_action"),
        (ProposedAction("refund", REFUND), "repeated_action"),
    ],
)
def test_one_part_that_does_not_bind_blocks_the_whole_draft(
    several: Company, further: ProposedAction, code: str
) -> None:
    action, blocks = bound_parts(several, with_further(further))
    assert any(block.startswith(code) for block in blocks), blocks
    assert {part.customer_id for part in action.parts} == {"C-1"}
    assert {part.args.get("customer_id", "C-1") for part in action.parts} == {"C-1"}
    later_bad = with_further(CANCEL, further)
    assert bound_parts(several, later_bad)[1], "wherever it stands"


def test_an_order_of_another_customer_blocks_in_a_further_part_too(several: Company) -> None:
    foreign = {"customer_id": "C-2", "items": [{"order_id": "TK-2222"}]}
    part = ProposedAction("cancel", {"order_id": "TK-2222"})
    _, blocks = bound_parts(several, with_further(part), {**FACTS, "order": foreign})
    assert blocks == ["foreign_order"]


def test_a_reply_has_no_further_parts_and_an_unknown_first_one_hides_none(
    several: Company,
) -> None:
    reply = Proposal(reply="Hello", kind="reply_only", also=[CANCEL])
    action, blocks = bound_parts(several, reply)
    assert (action.parts, blocks) == ((action,), ["unexpected_argument"])
    action, blocks = bound_parts(several, replace(with_further(CANCEL), kind="gift"))
    assert blocks == ["unknown_action"]
    assert not action.is_reply_only, "it would cancel an order"


def test_the_expected_state_is_never_taken_from_a_proposal(several: Company) -> None:
    action, blocks = bound_parts(several, with_further(CANCEL, expected_minor=1))
    assert blocks == []
    assert "expected_minor" not in action.args


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["customer_id", "order_id", "amount_minor", "idempotency_key", "note"])


@given(args=st.dictionaries(NAMES, JSON), kind=st.sampled_from(["refund", "reply_only", "x", ""]))
def test_no_proposal_chooses_the_recipient_or_an_unknown_order(
    company: Company, args: dict[str, Any], kind: str
) -> None:
    action, blocks = bound(company, Proposal(reply="r", kind=kind, args=args))
    assert action.customer_id == "C-1"
    assert action.args.get("customer_id", "C-1") == "C-1"
    if not blocks:
        assert action.order_id in (None, "TK-1111")
        assert "idempotency_key" not in action.args


PARTS = st.builds(
    ProposedAction, st.sampled_from(["refund", "cancel", "x"]), st.dictionaries(NAMES, JSON)
)


@given(further=st.lists(PARTS, max_size=3))
def test_no_further_part_chooses_the_recipient_or_hides_its_money(
    several: Company, further: list[ProposedAction]
) -> None:
    action, blocks = bound_parts(several, with_further(*further))
    assert {part.customer_id for part in action.parts} == {"C-1"}
    assert {part.args.get("customer_id", "C-1") for part in action.parts} == {"C-1"}
    if not blocks:
        sent = [part.args["amount_minor"] for part in action.parts if part.kind == "refund"]
        assert action.total_minor == sum(sent)
