"""The honest sentence: reached or not, by how much, and what it would take; unknown stays so."""

from dataclasses import replace

from agents.simulating.claim import arithmetic_table, by_arithmetic, claim
from agents.simulating.figures import Measured, Plan, Ranked, Results, Share


def measured(
    right: int, escalated: int = 100, *, auroc: float | None = 0.9, twice: bool = False
) -> Measured:
    return Measured(
        variant="+ gate and retries",
        retries=1,
        asks_twice=twice,
        repeat=0.0,
        tickets=1_000,
        committed_right=Share(right, 1_000),
        alone_right=Share(right - escalated, 1_000 - escalated),
        automatic=Share(1_000 - escalated, 1_000),
        escalated=Share(escalated, 1_000),
        stopped=0,
        gate=Ranked(auroc, auroc and auroc - 0.02, auroc and auroc + 0.02, 833, 167),
        repaired=Share(70, 100),
        broken=Share(5, 100),
        needed=0.37,
    )


def results(both: Measured, *settings: Measured) -> Results:
    return Results(
        plan=Plan(1_000, 0.03, 1, 0.10, 1),
        base=Share(900, 1_000),
        steps_right=Share(830, 1_000),
        variants=(both,),
        variants_all=(both,),
        settings=settings,
        settings_all=settings,
        caught=(),
    )


def test_what_is_not_reached_is_said_with_the_gap_and_what_it_takes() -> None:
    found = claim(results(measured(962), measured(970)))
    text = " ".join(found.sentences)
    assert not found.is_reached
    assert found.reached_by is None
    assert "AUROC 0.90 (0.88 to 0.92)" in text
    assert "repairs 70% (n = 100)" in text
    assert "2.8 points short of 99%, which takes 37% escalated" in text
    assert "No setting that was tried is shown to reach it." in text


def test_the_setting_that_reaches_it_is_named() -> None:
    found = claim(results(measured(962), measured(993, twice=True), measured(998, twice=True)))
    assert found.reached_by is not None
    assert "with every draft made twice and compared and one retry: 99.8%" in found.sentences[2]
    assert found.as_json()["reached_by"] == {"retries": 1, "asks_twice": True, "repeat": 0.0}


def test_ninety_nine_per_cent_with_too_many_people_is_not_the_claim() -> None:
    found = claim(results(measured(998, escalated=300), measured(998, escalated=300)))
    assert not found.is_reached
    assert found.reached_by is None


def test_a_rate_whose_range_reaches_below_is_not_shown_to_be_there() -> None:
    close = measured(995)
    found = claim(results(close, close))
    assert (close.committed_right.rate or 0) > 0.99
    assert not close.is_99
    assert not found.is_reached
    assert "The range reaches below 99%, so 99% is not shown" in found.sentences[1]


def test_few_tickets_are_counts_and_reach_nothing() -> None:
    one, few = measured(962), Share(27, 27)
    few_tickets = replace(
        one, tickets=27, committed_right=few, escalated=Share(3, 27), repaired=Share(2, 3)
    )
    found = claim(results(few_tickets, few_tickets))
    assert not few_tickets.is_99
    assert not found.is_reached
    assert "repairs 2 of the 3 wrong drafts" in found.sentences[1]
    assert "27 of 27 committed actions right with 3 escalated" in found.sentences[1]
    assert "Too few tickets for a rate" in found.sentences[1]


def test_a_gate_that_was_never_wrong_has_no_auroc() -> None:
    unknown = measured(1_000, auroc=None)
    assert "AUROC unknown" in claim(results(unknown)).sentences[1]
    assert by_arithmetic(unknown) is None


def test_the_arithmetic_is_that_of_the_specification() -> None:
    """Calibration notes, section 8: AUROC 0.90 and one retry of 70 % give 96.2 % of what is sent."""
    expected = by_arithmetic(measured(962))
    assert expected is not None
    assert abs((expected - 0.1) / 0.9 - 0.962) < 0.001
    table = dict(arithmetic_table(0.10))
    assert table[0] == [None] * 7
    assert [one and round(one, 2) for one in table[1]] == [None, 0.99, 0.98, 0.98, 0.97, 0.96, 0.96]
