"""Binding: the model proposes, code decides who, whose and how much."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_company as small
from hypothesis import given
from hypothesis import strategies as st

from agents.bind import bind
from agents.company import Company
from agents.ports import Proposal
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
