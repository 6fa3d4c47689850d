"""Step 6: the calls that a draft stands for, the wrong one among them, and what the books say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from agents.company import Company, WriteTool
from agents.demo.tickets import DemoTicket
from agents.simulating.judging import Drafted, is_right
from agents.simulating.mixups import Other
from agents.simulating.shop import Done, Shop
from store.actions import Action, reply_only
from store.outbox import REPLY, Call

TRIES = 400


def calls_of(company: Company, ticket: DemoTicket, made: Drafted) -> list[Call]:
    """Return what is to be called for a draft: its actions first, the reply last."""
    action, tool = made.synthesis.action, company.reply_tool()
    calls = [
        Call(one.kind, one.tool, one.args, one.amount_minor, one.currency)
        for one in action.parts
        if one.tool is not None
    ]
    reply = {
        tool.text: made.synthesis.reply,
        tool.customer: ticket.customer_id,
        tool.ticket: ticket.external_id,
    }
    said = {name: value for name, value in reply.items() if name is not None}
    return [*calls, Call(REPLY, tool.name, said)]


def with_wrong_argument(
    company: Company, calls: Sequence[Call], pool: Sequence[Other], rng: Random
) -> list[Call]:
    """Return the calls with one argument of one of them taken from another ticket's."""
    at = rng.randrange(len(calls))
    call = calls[at]
    tool = _tool(company, call)
    names = [one for one in (tool.customer, tool.order, tool.amount, tool.text) if one in call.args]
    name = rng.choice([one for one in names if one is not None])
    for other in (rng.choice(pool) for _ in range(TRIES)):
        wrong = _argument(tool, name, other)
        if wrong is not None and wrong != call.args[name]:
            changed = replace(call, args={**call.args, name: wrong})
            return [*calls[:at], changed, *calls[at + 1 :]]
    return list(calls)


def _argument(tool: WriteTool, name: str, other: Other) -> Any:
    """Return what stands in the other ticket where this argument is taken from."""
    action = other.made.synthesis.action
    if name == tool.text:
        return other.made.synthesis.reply
    if name == tool.customer:
        return other.view.customer_id
    return action.order_id if name == tool.order else action.amount_minor


async def deliver(
    shop: Shop, company: Company, ticket: DemoTicket, made: Drafted, calls: Sequence[Call]
) -> bool:
    """Make the calls, and return whether the books then hold the right thing for this ticket."""
    done = await shop.deliver(calls)
    tools = {call.tool: _tool(company, call) for call in calls}
    is_theirs = all(_is_theirs(tools[one.tool], one, ticket) for one in done)
    replies = [one for one in done if one.tool == company.reply_tool().name]
    acts = [one for one in done if one not in replies]
    text = str(replies[0].body[company.reply_tool().text or ""]) if replies else ""
    action = _action(company, acts[0], ticket) if acts else reply_only(ticket.customer_id)
    booked = made.synthesis.model_copy(update={"reply": text, "action": action})
    outputs = {**made.outputs, "synthesis": booked}
    name = shop.first_name(ticket.customer_id)
    return is_theirs and len(done) == len(calls) and is_right(ticket.truth, outputs, name)


def _is_theirs(tool: WriteTool, one: Done, ticket: DemoTicket) -> bool:
    return tool.customer is None or one.body.get(tool.customer) == ticket.customer_id


def _action(company: Company, one: Done, ticket: DemoTicket) -> Action:
    kind = next(
        (
            tool.action
            for server in company.servers
            for tool in server.write
            if tool.name == one.tool and tool.action
        ),
        one.tool,
    )
    body: Mapping[str, Any] = one.body
    return Action(kind=kind, tool=one.tool, args=dict(body), customer_id=ticket.customer_id)


def _tool(company: Company, call: Call) -> WriteTool:
    found = company.reply_tool() if call.kind == REPLY else company.write_tool(call.kind)
    assert found is not None  # bound to it
    return found
