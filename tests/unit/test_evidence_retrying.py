"""The field's claim, recomputed: what a gate and retries can make of six steps at 97 %."""

import doctest
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.evidence import retrying
from store.evidence.retrying import (
    ARTICLE_RIGHT,
    Chain,
    at_escalation,
    escalation_needed,
    flow,
    least_escalation,
    minimum_auroc,
)

REPAIRS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TABLE = {  # least AUROC by retries, rounded up to a grid of .005; None: not even at .999
    1: (None, 0.995, 0.985, 0.980, 0.970, 0.965, 0.960),
    2: (0.980, 0.965, 0.955, 0.945, 0.935, 0.925, 0.920),
    3: (0.955, 0.940, 0.930, 0.915, 0.905, 0.895, 0.890),
}
chains = st.builds(
    Chain,
    auroc=st.floats(0.55, 0.99),
    retries=st.integers(0, 3),
    repairs=st.floats(0, 1),
    breaks=st.floats(0, 0.2),
    right=st.floats(0.05, 0.95),
)


def test_every_example_in_the_documentation_is_true() -> None:
    results = doctest.testmod(retrying)
    assert (results.attempted > 0, results.failed) == (True, 0)


def test_six_steps_at_97_percent_are_right_83_percent_of_the_time() -> None:
    assert round(ARTICLE_RIGHT, 3) == 0.833
    assert flow(Chain(auroc=0.9), -math.inf).right_of_sent == pytest.approx(ARTICLE_RIGHT)


@pytest.mark.parametrize("retries", [1, 2, 3])
def test_99_percent_with_a_tenth_escalated_needs_the_published_auroc(retries: int) -> None:
    for repairs, published in zip(REPAIRS, TABLE[retries], strict=True):
        found = minimum_auroc(Chain(0.5, retries=retries, repairs=repairs), 0.99, 0.10)
        if published is None:
            assert found is None or found > 0.999
        else:
            assert found is not None
            assert published - 0.005 < found <= published


def test_at_auroc_90_one_retry_gives_96_percent_or_takes_37_percent_escalated() -> None:
    chain = Chain(auroc=0.90, retries=1, repairs=0.7)
    right = at_escalation(chain, 0.10).right_of_sent
    assert right is not None
    assert round(right, 3) == 0.962
    for auroc, retries, published in ((0.90, 1, 0.37), (0.90, 0, 0.66), (0.95, 1, 0.16)):
        needed = escalation_needed(replace(chain, auroc=auroc, retries=retries), 0.99)
        assert needed is not None
        assert round(needed, 2) == published
    without = escalation_needed(Chain(auroc=0.95), 0.99)
    assert without == pytest.approx(0.42, abs=0.01)


def test_without_a_retry_even_a_perfect_gate_escalates_15_9_percent() -> None:
    floor = least_escalation(ARTICLE_RIGHT, 0.99)
    assert round(floor, 3) == 0.159
    assert minimum_auroc(Chain(0.5), 0.99, floor - 0.001) is None
    assert minimum_auroc(Chain(0.5), 0.99, floor + 0.001) is not None
    nearly_perfect = escalation_needed(Chain(auroc=1 - 1e-9), 0.99)
    assert nearly_perfect == pytest.approx(floor, abs=1e-4)


def test_what_people_fix_counts_as_right_only_where_it_is_asked_for() -> None:
    gated = at_escalation(Chain(auroc=0.90, retries=1, repairs=0.7), 0.10)
    assert gated.right_of_sent is not None
    assert gated.committed_right == pytest.approx(0.9 * gated.right_of_sent + 0.1)


@given(chains, st.floats(-6, 8))
def test_every_ticket_ends_somewhere(chain: Chain, threshold: float) -> None:
    found = flow(chain, threshold)
    assert found.automatic + found.escalated == pytest.approx(1, abs=1e-12)
    assert min(found.sent_right, found.sent_wrong, found.escalated) >= 0


@settings(max_examples=25)
@given(chains, st.floats(0.01, 0.9))
def test_escalation_is_met_and_what_is_needed_is_enough(chain: Chain, escalated: float) -> None:
    found = at_escalation(chain, escalated)
    assert found.escalated == pytest.approx(escalated, abs=1e-9)
    assert found.right_of_sent is not None
    needed = escalation_needed(chain, found.right_of_sent)
    assert needed is not None
    assert needed <= escalated + 1e-6


def test_the_integral_agrees_with_drawing_every_attempt() -> None:
    rng, n, threshold = np.random.default_rng(8), 400_000, 1.2
    chain = Chain(auroc=0.92, retries=2, repairs=0.6)
    apart = math.sqrt(2) * 1.4050715603096329  # the 92 % point of the standard normal
    right, waits = rng.random(n) < chain.right, np.ones(n, dtype=bool)
    for attempt in range(3):
        if attempt:
            chance = np.where(right, 1 - chain.breaks, chain.repairs)
            right = np.where(waits, rng.random(n) < chance, right)
        waits &= rng.normal(right * apart, 1) <= threshold
    drawn = flow(chain, threshold)
    assert np.mean(waits) == pytest.approx(drawn.escalated, abs=0.003)
    assert np.mean(right[~waits]) == pytest.approx(drawn.right_of_sent, abs=0.001)


@pytest.mark.parametrize(
    "wrong",
    [{"auroc": 1.0}, {"auroc": 0.4}, {"auroc": 0.9, "repairs": 1.1}, {"auroc": 0.9, "retries": -1}],
)
def test_impossible_assumptions_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="AUROC"):
        Chain(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_escalated_lies_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="share escalated"):
        at_escalation(Chain(0.9), share)
