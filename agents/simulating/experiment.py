"""The experiment: run every ticket once as it is, then with its faults, then walk the variants."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.company import Company
from agents.demo.tickets import DemoTicket
from agents.opening import CALIBRATOR
from agents.simulating import measuring
from agents.simulating.delivery import calls_of, deliver, with_wrong_argument
from agents.simulating.draws import DRAFTING, Dice, rng_of
from agents.simulating.figures import Plan, Results
from agents.simulating.judging import Drafted, is_right, wrong_steps
from agents.simulating.line import Draw, Line
from agents.simulating.measuring import REPEATS, TRIED
from agents.simulating.mixups import Other
from agents.simulating.shop import Shop
from agents.simulating.variants import Attempt, Case, End, Walk
from store.actions import digest
from store.calibrators import Fitted
from store.evidence.calibration import Stack
from store.outbox import Call
from store.settings import Settings

SECOND = 1_000  # attempt numbers from here on are second draftings, drawn by themselves

Progress = Callable[[str, int, int], None]


class Laboratory:
    """Runs the tickets of one plan; keeps what was run, so that variants share it."""

    def __init__(self, plan: Plan, line: Line, shop: Shop, company: Company) -> None:
        self._plan = plan
        self._line = line
        self._shop = shop
        self._company = company
        self._stack = _shipped(company)
        self._tickets: Sequence[DemoTicket] = ()
        self._pool: list[Other] = []
        self._drafts: dict[tuple[str, frozenset[tuple[str, int]]], Drafted] = {}
        self._delivered: dict[tuple[str, str, int | None], bool] = {}

    async def run(self, tickets: Sequence[DemoTicket], tell: Progress) -> None:
        """Draft every ticket as it is."""
        self._tickets = tickets
        for number, ticket in enumerate(tickets, 1):
            self._pool.append(await self._line.clean(ticket))
            tell("Running the tickets", number, len(tickets))
            await asyncio.sleep(0)  # nothing here waits for anything, and Ctrl-C must be heard

    async def cases(self, repeat: float, tell: Progress) -> list[Case]:
        """Make every attempt with its faults; this share of the first one's are made again."""
        dice = Dice(self._plan.seed, self._plan.fault_rate, repeat)
        found = []
        for number, (ticket, clean) in enumerate(zip(self._tickets, self._pool, strict=True), 1):
            found.append(await self._case(ticket, clean, dice))
            tell(f"Injecting faults, {repeat:.0%} repeated", number, len(self._tickets))
            await asyncio.sleep(0)
        return found

    async def _case(self, ticket: DemoTicket, clean: Other, dice: Dice) -> Case:
        name = self._shop.first_name(ticket.customer_id)
        attempts = [
            await self._attempt(ticket, clean, dice, number)
            for number in range(max(self._plan.retries, *TRIED) + 1)
        ]
        return Case(
            ticket=ticket,
            first_name=name,
            attempts=tuple(attempts),
            is_base_right=is_right(ticket.truth, clean.made.outputs, name),
            is_base_whole=not wrong_steps(ticket.truth, clean.made, ticket.customer_id, name),
        )

    async def _attempt(self, ticket: DemoTicket, clean: Other, dice: Dice, number: int) -> Attempt:
        faults = dice.drawn(ticket.external_id, number)
        made = await self._drafted(ticket, clean, faults)
        again = dice.drawn(ticket.external_id, SECOND + number)
        second = await self._drafted(ticket, clean, again)
        facts = made.gate_input
        never_alone = bool(facts.blocks) or facts.is_out_of_scope
        name = self._shop.first_name(ticket.customer_id)
        return Attempt(
            made=made,
            faults=faults,
            is_right=is_right(ticket.truth, made.outputs, name),
            score=-math.inf if never_alone else self._stack.raw(made.synthesis.signals),
            is_objected=never_alone or bool(facts.objections or facts.concerns),
            is_repeated=made is second or _digest(made) == _digest(second),
        )

    async def _drafted(
        self, ticket: DemoTicket, clean: Other, faults: Mapping[str, int]
    ) -> Drafted:
        ours = {step: number for step, number in faults.items() if step in DRAFTING}
        if not ours:
            return clean.made
        key = (ticket.external_id, frozenset(ours.items()))
        if key not in self._drafts:
            draw = Draw(self._plan.seed, ours)
            self._drafts[key] = await self._line.faulty(ticket, clean, draw, self._pool)
        return self._drafts[key]

    async def is_right(self, case: Case, walk: Walk) -> bool:
        """Return whether the ticket ended right; a committed draft is really delivered for that."""
        if walk.end is not End.COMMITTED:
            return walk.end is End.ESCALATED
        made = case.attempts[walk.attempt].made
        wrong = case.attempts[walk.delivery].faults.get("commit")
        key = (case.ticket.external_id, _digest(made), wrong)
        if key not in self._delivered:
            self._delivered[key] = await self._deliver(case, made, wrong)
        return self._delivered[key]

    def is_call_changed(self, case: Case, walk: Walk) -> bool:
        """Return whether the executor's comparison finds a call that is not its draft's."""
        made = case.attempts[walk.attempt].made
        wrong = case.attempts[walk.delivery].faults.get("commit")
        meant, called = self._calls(case, made, None), self._calls(case, made, wrong)
        return [(one.tool, one.body) for one in meant] != [(one.tool, one.body) for one in called]

    async def _deliver(self, case: Case, made: Drafted, wrong: int | None) -> bool:
        calls = self._calls(case, made, wrong)
        return await deliver(self._shop, self._company, case.ticket, made, calls)

    def _calls(self, case: Case, made: Drafted, wrong: int | None) -> list[Call]:
        calls = calls_of(self._company, case.ticket, made)
        if wrong is None:
            return calls
        rng = rng_of(self._plan.seed, case.ticket.external_id, wrong, "commit wrong")
        return with_wrong_argument(self._company, calls, self._pool, rng)


def _digest(made: Drafted) -> str:
    return digest(made.synthesis.reply, made.synthesis.action)


def _shipped(company: Company) -> Stack:
    """Return the calibrator that the demo company ships; its tickets were other ones."""
    return Fitted.model_validate_json((company.folder / CALIBRATOR).read_text()).stack


async def run(plan: Plan, company: Company, tell: Progress) -> Results:
    """Run the whole experiment on the demo company, in a scratch folder.

    `tell` hears what is done, how far, and of how many.
    """
    with (
        TemporaryDirectory() as folder,
        closing(Settings(home=Path(folder)).open()) as store,
        closing(Shop()) as shop,
    ):
        tickets = await shop.open(plan.seed, plan.tickets)
        lab = Laboratory(plan, Line(company, store, shop), shop, company)
        await lab.run(tickets, tell)
        by_repeat = {repeat: await lab.cases(repeat, tell) for repeat in REPEATS}
        return await measuring.measure(plan, by_repeat, lab, tell)
