"""The honest sentence: what the field claims, what was measured here, and what it would take. Pure.

Beside the measured figures stands the exact arithmetic of `store.evidence.retrying`, which knows no
demo and no draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.simulating.figures import TARGET, Measured, Ranked, Results, Share
from store.evidence.retrying import ARTICLE_RIGHT, Chain, at_escalation, minimum_auroc

REPAIRS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RETRIES = (0, 1, 2, 3)
ABOUT = 0.02  # escalated beyond what was asked for is still "about" that


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether 99 % of committed actions are right at the share escalated that was asked for."""

    is_reached: bool  # by the gate as it is and the retries asked for
    reached_by: Measured | None  # the first of the further settings that does it
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return verdict, setting and words."""
        by = self.reached_by
        setting = by and {"retries": by.retries, "asks_twice": by.asks_twice, "repeat": by.repeat}
        return {
            "is_reached": self.is_reached,
            "reached_by": setting,
            "sentences": list(self.sentences),
        }


def claim(results: Results) -> Claim:
    """Return the verdict on the field's claim, with its reasons in words."""
    both = results.variants[-1]
    most = results.plan.escalate + ABOUT
    doing = (one for one in results.settings if one.is_99 and (one.escalated.rate or 0) <= most)
    reached_by = next(doing, None)
    is_reached = both.is_99 and (both.escalated.rate or 0.0) <= most
    return Claim(is_reached, reached_by, tuple(_sentences(results, reached_by)))


def arithmetic_table(escalated: float) -> list[tuple[int, list[float | None]]]:
    """Return, per number of retries, the AUROC that 99 % needs for each of `REPAIRS`."""
    return [
        (
            retries,
            [minimum_auroc(Chain(0.5, retries, repairs), TARGET, escalated) for repairs in REPAIRS],
        )
        for retries in RETRIES
    ]


def by_arithmetic(one: Measured) -> float | None:
    """Return the share of committed actions right that binormal arithmetic expects here.

    From the measured AUROC, retry and share escalated. It takes each try's score as drawn afresh,
    so what is measured falls short of it where the tries at one ticket resemble each other.
    """
    gate, escalated = one.gate, one.escalated.rate
    if gate is None or gate.auroc is None or not 0.5 <= gate.auroc < 1 or not escalated:
        return None
    chain = Chain(
        gate.auroc,
        one.retries,
        one.repaired.rate or 0.0,
        one.broken.rate or 0.0,
        gate.right / (gate.right + gate.wrong),
    )
    return at_escalation(chain, escalated).committed_right if escalated < 1 else 1.0


def _sentences(results: Results, reached_by: Measured | None) -> Iterator[str]:
    both, everything = results.variants[-1], results.variants_all[-1]
    yield (
        f"The claim: six steps at 97% are right end to end {ARTICLE_RIGHT:.1%} of the time; a gate"
        " and retries make it 99% with about 10% escalated. By arithmetic that takes a gate of"
        " AUROC 0.97 and a retry that repairs 70% of what is flagged."
    )
    yield f"{_measured(both)} {_verdict(both)}"
    if reached_by is None:
        yield "No setting that was tried is shown to reach it."
    elif reached_by.asks_twice or reached_by.retries != both.retries:
        yield f"It is reached {_setting(reached_by)}: {_short(reached_by)}."
    linked = [one for one in results.settings if one.repeat]
    again = "; ".join(f"{one.repeat:.0%} of the time, {_short(one)}" for one in linked)
    if results.plan.fault_rate:
        yield (
            "That holds for faults that come by chance. Where a later try makes the same mistake"
            f" again: {again}."
        )
    wrong = results.base.n - results.base.k
    yield (
        f"The pipeline's own errors on top ({wrong} of {results.base.n} tickets go wrong without"
        f" any fault, and a later try repeats that): {_short(everything)}. {_verdict(everything)}"
    )


def _measured(one: Measured) -> str:
    return (
        f"Measured with the gate as it is: AUROC {_ranks(one.gate)}, a retry repairs"
        f" {_share(one.repaired)} wrong drafts that are flagged and breaks"
        f" {_share(one.broken)} right ones: {_short(one)}."
    )


def _verdict(one: Measured) -> str:
    rate = one.committed_right.rate
    if rate is None:
        return "Nothing is known."
    if one.is_99:
        return "99% is reached."
    if not one.committed_right.has_enough:
        return "Too few tickets for a rate, so 99% is not shown."
    if rate >= TARGET:
        return "The range reaches below 99%, so 99% is not shown: that takes more tickets."
    needed = "nothing that was tried" if one.needed is None else f"{one.needed:.0%} escalated"
    return f"That is {(TARGET - rate) * 100:.1f} points short of 99%, which takes {needed}."


def _setting(one: Measured) -> str:
    drafts = "every draft made twice and compared" if one.asks_twice else "the gate as it is"
    tries = "one retry" if one.retries == 1 else f"up to {one.retries} retries"
    return f"with {drafts} and {tries}"


def _short(one: Measured) -> str:
    found, gate = one.committed_right.as_json(), one.gate
    if found["rate"] is None:
        return "nothing committed"
    if not one.committed_right.has_enough:
        return (
            f"{found['k']} of {found['n']} committed actions right with {one.escalated.k} escalated"
        )
    is_ranked = gate is not None and gate.has_enough and gate.auroc is not None
    ranks = f", AUROC {gate.auroc:.2f}" if gate is not None and is_ranked else ""
    return (
        f"{found['rate']:.1%} ({found['low']:.1%} to {found['high']:.1%}, n = {found['n']}) of"
        f" committed actions right at {one.escalated.rate or 0:.1%} escalated{ranks}"
    )


def _share(share: Share) -> str:
    if share.rate is None:
        return "an unknown share of the"
    if not share.has_enough:
        return f"{share.k} of the {share.n}"
    return f"{share.rate:.0%} (n = {share.n}) of the"


def _ranks(ranked: Ranked | None) -> str:
    if ranked is None or ranked.auroc is None or not ranked.has_enough:
        return "unknown"
    if ranked.low is None or ranked.high is None:
        return f"{ranked.auroc:.2f}"
    return f"{ranked.auroc:.2f} ({ranked.low:.2f} to {ranked.high:.2f})"
