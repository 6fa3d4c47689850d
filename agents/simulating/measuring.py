"""From cases to figures: the variants walked, delivered, judged and counted."""

import math
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from agents.simulating.draws import DRAFTING, STEPS
from agents.simulating.figures import Caught, Measured, Plan, Ranked, Results, Share
from agents.simulating.judging import wrong_steps
from agents.simulating.variants import Attempt, Case, End, Gate, Walk, alone, gated, threshold_for
from store.evidence.calibration_quality import auroc

CHAIN, RETRIES, GATE, BOTH = "chain alone", "+ retries", "+ gate", "+ gate and retries"
TRIED = (1, 2, 3)  # retries of the further settings
RESAMPLES = 400
Judge = Callable[[Case, Walk], Awaitable[bool]]


async def measure(
    plan: Plan, cases: Sequence[Case], judge: Judge, tell: Callable[[str, int, int], None]
) -> Results:
    """Walk every variant on the tickets served right without faults, and on all of them."""
    served = [case for case in cases if case.is_base_right]
    found: dict[str, tuple[Measured, ...]] = {}
    for at, (name, some) in enumerate((("", served), ("_all", cases))):
        found[f"variants{name}"] = await _variants(plan, some, judge)
        found[f"settings{name}"] = await _settings(plan, some, judge)
        tell("Delivering and judging", at + 1, 2)
    whole = [case for case in cases if case.is_base_whole]
    steps_right = [await _all_steps_right(case, judge) for case in whole]
    return Results(
        plan=plan,
        base=Share(len(served), len(cases)),
        steps_right=Share(sum(steps_right), len(whole)),
        caught=_caught(plan, served),
        **found,
    )


async def _variants(plan: Plan, cases: Sequence[Case], judge: Judge) -> tuple[Measured, ...]:
    rows = [
        await _chain(CHAIN, cases, judge, 0),
        await _chain(RETRIES, cases, judge, plan.retries),
        await _gated(GATE, plan, cases, judge, 0),
        await _gated(BOTH, plan, cases, judge, plan.retries),
    ]
    return tuple(rows)


async def _settings(plan: Plan, cases: Sequence[Case], judge: Judge) -> tuple[Measured, ...]:
    """Measure gate and retries at one, two, three retries; then with every draft made twice."""
    return tuple(
        [
            await _gated(BOTH, plan, cases, judge, retries, asks_twice=asks_twice)
            for asks_twice in (False, True)
            for retries in TRIED
        ]
    )


async def _chain(name: str, cases: Sequence[Case], judge: Judge, retries: int) -> Measured:
    walks = [alone(case, retries) for case in cases]
    again = [case for case in cases if retries and case.attempts[0].is_objected]
    return await _measured(name, cases, walks, judge, again=again, retries=retries)


async def _gated(
    name: str,
    plan: Plan,
    cases: Sequence[Case],
    judge: Judge,
    retries: int,
    *,
    asks_twice: bool = False,
) -> Measured:
    threshold = threshold_for(cases, plan.escalate, retries, asks_twice=asks_twice)
    gate = Gate(threshold, asks_twice)
    walks = [gated(case, gate, retries) for case in cases]
    again = [case for case in cases if retries and gate.is_flagged(case.attempts[0])]
    return await _measured(name, cases, walks, judge, again=again, retries=retries, gate=gate)


async def _measured(
    name: str,
    cases: Sequence[Case],
    walks: Sequence[Walk],
    judge: Judge,
    *,
    again: Sequence[Case],
    retries: int,
    gate: Gate | None = None,
) -> Measured:
    ended = [await judge(case, walk) for case, walk in zip(cases, walks, strict=True)]
    sent = [right for right, walk in zip(ended, walks, strict=True) if walk.end is End.COMMITTED]
    ends = [walk.end for walk in walks]
    pairs = [(case.attempts[0].is_right, case.attempts[1].is_right) for case in again]
    wrong = [second for first, second in pairs if not first]
    right = [second for first, second in pairs if first]
    return Measured(
        variant=name,
        retries=retries,
        asks_twice=bool(gate and gate.asks_twice),
        tickets=len(cases),
        committed_right=Share(sum(ended), len(cases)),
        alone_right=Share(sum(sent), len(sent)),
        automatic=Share(len(sent), len(cases)),
        escalated=Share(ends.count(End.ESCALATED), len(cases)),
        stopped=ends.count(End.STOPPED),
        gate=_ranked(gate, cases) if gate else None,
        repaired=Share(sum(wrong), len(wrong)),
        broken=Share(len(right) - sum(right), len(right)),
    )


def _ranked(gate: Gate, cases: Sequence[Case]) -> Ranked:
    """Measure the gate's order on first drafts; out of scope is no draft that could be sent."""
    firsts = [one.attempts[0] for one in cases if not one.attempts[0].made.intent.is_out_of_scope]
    scores = np.array([max(gate.score(one), _LOWEST) for one in firsts])
    truth = np.array([one.is_right for one in firsts], dtype=bool)
    rng = np.random.default_rng(len(firsts))
    found = []
    for _ in range(RESAMPLES if 0 < truth.sum() < len(truth) else 0):
        picked = rng.integers(0, len(truth), len(truth))
        value = auroc(scores[picked], truth[picked])
        if value is not None:
            found.append(value)
    low, high = np.quantile(found, (0.025, 0.975)) if found else (None, None)
    return Ranked(
        auroc=auroc(scores, truth),
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        right=int(truth.sum()),
        wrong=int((~truth).sum()),
    )


_LOWEST = -1e9  # in place of -inf, which no ranking takes


async def _all_steps_right(case: Case, judge: Judge) -> bool:
    """Return whether each of the six steps of the chain alone was right, by its own output."""
    first, ticket = case.attempts[0], case.ticket
    walk = alone(case)
    if walk.end is not End.COMMITTED or _is_step_wrong(case, first):
        return False
    return await judge(case, walk)


def _is_step_wrong(case: Case, attempt: Attempt) -> bool:
    ticket = case.ticket
    return bool(wrong_steps(ticket.truth, attempt.made, ticket.customer_id, case.first_name))


def _caught(plan: Plan, cases: Sequence[Case]) -> tuple[Caught, ...]:
    """Count, per step, faults that came alone: the harm they did and who noticed."""
    threshold = threshold_for(cases, plan.escalate, plan.retries)
    return tuple(_caught_of(step, cases, Gate(threshold)) for step in STEPS)


def _caught_of(step: str, cases: Sequence[Case], gate: Gate) -> Caught:
    tried = [one for case in cases for one in case.attempts]
    hit = [one for one in tried if one.faults & (DRAFTING | {step}) == {step}]
    if step not in DRAFTING:  # the executor evaluates the pass again and compares the call
        return Caught(step, len(hit), len(hit), Share(0, 0), Share(len(hit), len(hit)), Share(0, 0))
    harm = [one for one in hit if not one.is_right]
    n = len(harm)
    return Caught(
        step=step,
        injected=len(hit),
        harmful=n,
        objected=Share(sum(one.is_objected for one in harm), n),
        flagged=Share(sum(gate.is_flagged(one) for one in harm), n),
        contradicted=Share(sum(not one.is_repeated for one in harm), n),
    )
