"""From cases to figures: the variants walked, delivered, judged and counted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from agents.simulating.draws import DRAFTING, STEPS
from agents.simulating.figures import TARGET, Caught, Measured, Plan, Ranked, Results, Share
from agents.simulating.judging import wrong_steps
from agents.simulating.variants import Attempt, Case, End, Gate, Walk, alone, gated, threshold_for
from store.evidence.calibration_quality import auroc

CHAIN, RETRIES, GATE, BOTH = "chain alone", "+ retries", "+ gate", "+ gate and retries"
TRIED = (1, 2, 3)  # retries of the further settings
REPEATS = (0.0, 0.25, 0.5)  # chances that a later try makes the same mistake; 0 in the variants
RESAMPLES = 400


class Judge(Protocol):
    """What can be known of an ended ticket, and only by making the calls."""

    async def is_right(self, case: Case, walk: Walk) -> bool: ...

    def is_call_changed(self, case: Case, walk: Walk) -> bool: ...


@dataclass(frozen=True, slots=True)
class Setting:
    """How a gate is worked: retries, whether drafts are made twice, how often faults repeat."""

    retries: int
    asks_twice: bool = False
    repeat: float = 0.0


async def measure(
    plan: Plan,
    by_repeat: Mapping[float, Sequence[Case]],
    judge: Judge,
    tell: Callable[[str, int, int], None],
) -> Results:
    """Walk every variant on the tickets served right without faults, and on all of them."""
    cases = by_repeat[0.0]
    served = {
        repeat: [case for case in some if case.is_base_right] for repeat, some in by_repeat.items()
    }
    rows = {}
    for at, (suffix, some) in enumerate((("", served), ("_all", by_repeat))):
        rows[f"variants{suffix}"] = await _variants(plan, some[0.0], judge)
        rows[f"settings{suffix}"] = tuple(
            [await _gated(BOTH, plan, some[one.repeat], judge, one) for one in _settings(plan)]
        )
        tell("Delivering and judging", at + 1, 2)
    whole = [case for case in cases if case.is_base_whole]
    steps_right = [await _all_steps_right(case, judge) for case in whole]
    return Results(
        plan=plan,
        base=Share(len(served[0.0]), len(cases)),
        steps_right=Share(sum(steps_right), len(whole)),
        caught=await _caught(plan, served[0.0], judge),
        **rows,
    )


async def _variants(plan: Plan, cases: Sequence[Case], judge: Judge) -> tuple[Measured, ...]:
    return (
        await _chain(CHAIN, cases, judge, 0),
        await _chain(RETRIES, cases, judge, plan.retries),
        await _gated(GATE, plan, cases, judge, Setting(0)),
        await _gated(BOTH, plan, cases, judge, Setting(plan.retries)),
    )


def _settings(plan: Plan) -> list[Setting]:
    """Return more retries, every draft made twice, and then faults that repeat."""
    return [
        *(Setting(retries) for retries in TRIED),
        *(Setting(retries, asks_twice=True) for retries in TRIED),
        *(Setting(plan.retries, asks_twice=True, repeat=repeat) for repeat in REPEATS[1:]),
    ]


async def _chain(name: str, cases: Sequence[Case], judge: Judge, retries: int) -> Measured:
    walks = [alone(case, retries) for case in cases]
    again = [case for case in cases if retries and case.attempts[0].is_objected]
    return await _measured(name, cases, walks, judge, again, Setting(retries))


async def _gated(
    name: str, plan: Plan, cases: Sequence[Case], judge: Judge, how: Setting
) -> Measured:
    gate = _gate_at(plan.escalate, cases, how)
    walks = [gated(case, gate, how.retries) for case in cases]
    again = [case for case in cases if how.retries and gate.is_flagged(case.attempts[0])]
    found = await _measured(name, cases, walks, judge, again, how)
    return replace(found, gate=_ranked(gate, cases), needed=await _needed(cases, judge, how))


def _gate_at(share: float, cases: Sequence[Case], how: Setting) -> Gate:
    threshold = threshold_for(cases, share, how.retries, asks_twice=how.asks_twice)
    return Gate(threshold, how.asks_twice)


async def _needed(cases: Sequence[Case], judge: Judge, how: Setting) -> float | None:
    """Return the least share, in whole points, with which 99 % of the committed are right."""
    if not cases:
        return None
    low, high = 0, 100
    while low < high:
        await asyncio.sleep(0)
        middle = (low + high) // 2
        gate = _gate_at(middle / 100, cases, how)
        walks = [gated(case, gate, how.retries) for case in cases]
        right = [await judge.is_right(case, walk) for case, walk in zip(cases, walks, strict=True)]
        low, high = (low, middle) if sum(right) >= TARGET * len(cases) else (middle + 1, high)
    gate = _gate_at(low / 100, cases, how)
    ends = [gated(case, gate, how.retries).end for case in cases]
    return ends.count(End.ESCALATED) / len(cases)


async def _measured(
    name: str,
    cases: Sequence[Case],
    walks: Sequence[Walk],
    judge: Judge,
    again: Sequence[Case],
    how: Setting,
) -> Measured:
    await asyncio.sleep(0)  # nothing here waits for anything, and Ctrl-C must be heard
    ended = [await judge.is_right(case, walk) for case, walk in zip(cases, walks, strict=True)]
    sent = [right for right, walk in zip(ended, walks, strict=True) if walk.end is End.COMMITTED]
    ends = [walk.end for walk in walks]
    pairs = [(case.attempts[0].is_right, case.attempts[1].is_right) for case in again]
    wrong = [second for first, second in pairs if not first]
    right = [second for first, second in pairs if first]
    return Measured(
        variant=name,
        retries=how.retries,
        asks_twice=how.asks_twice,
        repeat=how.repeat,
        tickets=len(cases),
        committed_right=Share(sum(ended), len(cases)),
        alone_right=Share(sum(sent), len(sent)),
        automatic=Share(len(sent), len(cases)),
        escalated=Share(ends.count(End.ESCALATED), len(cases)),
        stopped=ends.count(End.STOPPED),
        gate=None,
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
    walk = alone(case)
    if walk.end is not End.COMMITTED or _is_step_wrong(case, case.attempts[0]):
        return False
    return await judge.is_right(case, walk)


def _is_step_wrong(case: Case, attempt: Attempt) -> bool:
    ticket = case.ticket
    return bool(wrong_steps(ticket.truth, attempt.made, ticket.customer_id, case.first_name))


async def _caught(plan: Plan, cases: Sequence[Case], judge: Judge) -> tuple[Caught, ...]:
    """Count, per step, faults that came alone: the harm they did and who noticed."""
    gate = _gate_at(plan.escalate, cases, Setting(plan.retries))
    drafting = [_drafting_caught(step, cases, gate) for step in STEPS if step in DRAFTING]
    return (*drafting, _gate_caught(cases, gate), await _commit_caught(cases, judge))


def _hit(step: str, cases: Sequence[Case]) -> list[tuple[Case, int]]:
    """Return the attempts whose draft only this step can have spoilt."""
    return [
        (case, number)
        for case in cases
        for number, one in enumerate(case.attempts)
        if one.faults.keys() & (DRAFTING | {step}) == {step}
    ]


def _drafting_caught(step: str, cases: Sequence[Case], gate: Gate) -> Caught:
    hit = [case.attempts[number] for case, number in _hit(step, cases)]
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


def _gate_caught(cases: Sequence[Case], gate: Gate) -> Caught:
    """Count wrong verdicts: a wrong pass is to be stopped, a wrong refusal goes to a person."""
    single = [replace(case, attempts=(one,)) for case in cases for one in case.attempts]
    hit = [case for case in single if "gate" in case.attempts[0].faults]
    refused = [case for case in hit if alone(case).end is End.STOPPED]
    passed = [case for case in hit if gate.is_flagged(case.attempts[0])]
    stopped = [case for case in passed if "gate" in gated(case, gate).caught]
    flagged = Share(len(stopped), len(passed))
    return Caught("gate", len(hit), len(refused), NOBODY, flagged, NOBODY)


async def _commit_caught(cases: Sequence[Case], judge: Judge) -> Caught:
    """Count wrong arguments: by the books that an unchecked delivery leaves, and by comparing."""
    hit = [(case, Walk(End.COMMITTED, at, at)) for case, at in _hit("commit", cases)]
    harm = [one for one in hit if not await judge.is_right(*one)]
    flagged = Share(sum(judge.is_call_changed(*one) for one in harm), len(harm))
    return Caught("commit", len(hit), len(harm), NOBODY, flagged, NOBODY)


NOBODY = Share(0, 0)  # looks at this step's faults
