"""The critic: what a draft says, held against what is known. Pure; it can only object."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.company import Company, WriteTool
from agents.company.expressions import sentences
from agents.models.entities import MAX_CHARS, MONTHS, find_amounts, find_ids
from agents.ports import Proposal, ProposedAction, TicketView
from store.actions import REPLY_ONLY
from store.money import Money
from store.outputs import Critique, RetrievalOutput, ToolCallOutput

MAX_REPLY_CHARS = 4_000
MIN_REPLY_CHARS = 20
MAX_OBJECTIONS = 8
_ACT = r"(?:refund|cancell?|reimburs|credit|chang|updat|replac|resend|reship|waiv)"
_DOING = r"(?:['’](?:ve|ll|re|m)| have| will| are| am) (?:just |now |also |gladly )*"
_PROMISE = re.compile(
    rf"\b(?:I|we)(?:{_DOING}{_ACT}(?:ed|ing|e)?| (?:just |also )?(?:{_ACT}ed|resent))\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|unless|once|when|should|as soon as|until)\b", re.IGNORECASE)
_ORDERS = re.compile(
    r"\b(?:ignore|forget|disregard|override|bypass)\b[^.!?]{0,40}"
    r"\b(?:rules?|instructions?|prompts?|guidelines|polic(?:y|ies))\b"
    r"|\b(?:system prompt|developer mode|you are (?:now|the manager)|you must approve)\b",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"\b20[0-9]{2}-(0[1-9]|1[0-2])-([0-3][0-9])")
_NAMES = "|".join(f"{name}|{name[:3]}" for name in MONTHS)
_DAY_FIRST = re.compile(rf"\b([0-3]?[0-9])(?:st|nd|rd|th)? (?:of )?({_NAMES})\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_NAMES}) ([0-3]?[0-9])(?:st|nd|rd|th)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Everything a reply may rest on."""

    amounts: frozenset[int]
    dates: frozenset[tuple[int, int]]  # (month, day)
    known: str  # facts and passages as text
    asked: str  # the ticket


def criticise(
    company: Company,
    ticket: TicketView,
    proposal: Proposal,
    retrieval: RetrievalOutput,
    tool_call: ToolCallOutput,
) -> Critique:
    """Return what speaks against the draft: claims without evidence, mismatches, empty promises."""
    evidence = _gather(company, ticket, retrieval, tool_call)
    objections = [
        *_length(proposal.reply),
        *_unfounded(company, proposal.reply, evidence),
        *_money(company, proposal),
        *_promises(proposal, evidence),
        *_unaddressed(company, proposal, evidence),
        *_steering(evidence),
    ]
    return Critique(agrees=not objections, objections=objections[:MAX_OBJECTIONS])


def _gather(
    company: Company, ticket: TicketView, retrieval: RetrievalOutput, tool_call: ToolCallOutput
) -> _Evidence:
    passages = "\n".join(f"{hit.title}\n{hit.text}" for hit in retrieval.passages)
    facts = json.dumps(tool_call.facts, ensure_ascii=False, default=str)
    asked = f"{ticket.subject}\n{ticket.text}"[:MAX_CHARS]
    amounts = {*_whole_numbers(tool_call.facts), *find_amounts(passages, company.currency)}
    amounts |= set(find_amounts(facts, company.currency))
    received = _day(ticket.received_at)
    return _Evidence(
        amounts=frozenset(amounts),
        dates=frozenset({received, *_dates(facts), *_dates(passages), *_dates(asked)}),
        known=f"{facts}\n{passages}",
        asked=asked,
    )


def _length(reply: str) -> Iterator[str]:
    size = len(reply.strip())
    if size < MIN_REPLY_CHARS:
        yield "The reply says nothing"
    elif size > MAX_REPLY_CHARS:
        yield f"The reply is too long to send ({size:,} characters)"


def _unfounded(company: Company, reply: str, evidence: _Evidence) -> Iterator[str]:
    """Object to amounts, dates and ids that stand in the reply and nowhere else."""
    for amount in dict.fromkeys(find_amounts(reply, company.currency)):
        if amount not in evidence.amounts:
            yield f"The reply says {Money(amount, company.currency)}, which nothing supports"
    for month, day in dict.fromkeys(_dates(reply)):
        if (month, day) not in evidence.dates:
            yield f"The reply names {day} {MONTHS[month - 1].title()}, which nothing supports"
    for one in _ids(company, reply):
        if one not in evidence.known and one not in evidence.asked:
            yield f"The reply names {one}, which nothing supports"


def _money(company: Company, proposal: Proposal) -> Iterator[str]:
    """Object when the customer would read another amount than what moves, in parts or in all."""
    moved = [
        amount
        for tool, args in _acts(company, proposal)
        if tool.amount and isinstance(amount := args.get(tool.amount), int)
    ]
    said = list(find_amounts(proposal.reply, company.currency))
    if sum(moved) in said:
        return
    for amount in moved:
        if amount not in said:
            shown = Money(amount, company.currency)
            told = ", ".join(str(Money(one, company.currency)) for one in said) or "no amount"
            yield f"The action moves {shown}, but the reply says {told}"


def _acts(company: Company, proposal: Proposal) -> list[tuple[WriteTool, Mapping[str, Any]]]:
    """Return the tool and the arguments of each thing that the draft would do."""
    parts = (ProposedAction(proposal.kind, proposal.args), *proposal.also)
    found = [(company.write_tool(part.kind), part.args) for part in parts]
    return [(tool, args) for tool, args in found if tool is not None]


def _promises(proposal: Proposal, evidence: _Evidence) -> Iterator[str]:
    """Object to a deed the reply claims and no action does; offers and quotations are no claims."""
    if proposal.kind != REPLY_ONLY:
        return
    known = " ".join(evidence.known.split())
    for sentence in sentences(proposal.reply):
        promise = _PROMISE.search(sentence)
        if promise and not _CONDITION.search(sentence) and sentence not in known:
            yield f"The reply says “{promise.group(0)}”, but no action does it"


def _unaddressed(company: Company, proposal: Proposal, evidence: _Evidence) -> Iterator[str]:
    """Object when the customer names an order, and the draft is about none or another one."""
    asked = _ids(company, evidence.asked)
    acts = _acts(company, proposal)
    draft = proposal.reply + json.dumps([dict(args) for _, args in acts], default=str)
    for one in asked:
        if one not in draft and one not in evidence.known:
            yield f"The customer names {one}, which the draft does not address"
    orders = [args.get(tool.order) for tool, args in acts if tool.order]
    for order in dict.fromkeys(one for one in orders if isinstance(one, str)):
        kind = _kind_of(company, order)
        rivals = [one for one in asked if kind and _kind_of(company, one) == kind]
        if rivals and order not in rivals:
            yield f"The action is on {order}, which is not what the customer names"


def _steering(evidence: _Evidence) -> Iterator[str]:
    """Object to a message that speaks to the machine: it steers nothing, but a person looks."""
    if _ORDERS.search(evidence.asked):
        yield "The message tries to give orders to whoever answers it"


def _kind_of(company: Company, one: str) -> str | None:
    """Return the name of the pattern that the id fits."""
    kinds = (name for name, pattern in company.entities.items() if find_ids(one, pattern) == [one])
    return next(kinds, None)


def _ids(company: Company, text: str) -> list[str]:
    found = [one for pattern in company.entities.values() for one in find_ids(text, pattern)]
    return list(dict.fromkeys(found))


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    parts: Sequence[Any] = ()
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = value
    for part in parts:
        yield from _whole_numbers(part)


def _dates(text: str) -> Iterator[tuple[int, int]]:
    for match in _ISO_DATE.finditer(text):
        yield int(match.group(1)), int(match.group(2))
    for match in _DAY_FIRST.finditer(text):
        yield _month(match.group(2)), int(match.group(1))
    for match in _MONTH_FIRST.finditer(text):
        yield _month(match.group(1)), int(match.group(2))


def _month(name: str) -> int:
    return next(n for n, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))


def _day(moment: datetime) -> tuple[int, int]:
    return moment.month, moment.day
