"""Overlap: what a passage and a reply share is found, and what nothing supports is named."""

from itertools import pairwise

from store.reports.figures import figures
from store.reports.overlap import FIGURE, WORDS, Support, shared, support

PASSAGE = (
    "When an order was captured more than once, the surplus capture is refunded in full."
    " The refund arrives within five working days."
)


def marked(text: str, other: str, kind: str) -> list[str]:
    return [text[span.start : span.end] for span in shared(text, other) if span.kind == kind]


def test_two_content_words_in_a_row_are_marked() -> None:
    found = marked(PASSAGE, "We refund the surplus captures in full.", WORDS)
    assert found == ["surplus capture"]


def test_stop_words_between_them_are_part_of_the_mark() -> None:
    assert marked("free for all of the members", "free to members", WORDS) == [
        "free for all of the members"
    ]


def test_single_common_words_are_not_marked() -> None:
    assert shared(PASSAGE, "Your refund, your order, your day.") == ()


def test_a_pair_does_not_reach_over_the_end_of_a_sentence() -> None:
    assert shared("We saw the parcel. Nobody came.", "The parcel nobody wanted.") == ()


def test_a_shared_figure_is_marked_as_such() -> None:
    assert marked(PASSAGE, "You have it in 5 working days.", FIGURE) == ["five working days"]


def test_figures_stand_apart_inside_a_run_of_words() -> None:
    text = "Standard shipping costs 4.90 euros for members."
    reply = "Standard shipping costs €4.90 for members."
    assert [(text[s.start : s.end], s.kind) for s in shared(text, reply)] == [
        ("Standard shipping costs", WORDS),
        ("4.90 euros", FIGURE),
        ("for members", WORDS),
    ]


def test_case_inflection_and_other_scripts_are_seen_through() -> None:
    assert marked("STRASSE GESPERRT heute", "straße gesperrt", WORDS) == ["STRASSE GESPERRT"]
    assert marked("Возврат денег", "возврат денег", WORDS) == ["Возврат денег"]
    assert marked("Duplicate charges", "a duplicate charge", WORDS) == ["Duplicate charges"]


def test_spans_are_in_order_and_never_overlap() -> None:
    spans = shared(PASSAGE, PASSAGE)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert {span.kind for span in spans} == {WORDS, FIGURE}


def test_a_figure_of_the_reply_is_found_claimed_or_missing() -> None:
    evidence = [fact for figure in figures(PASSAGE) for fact in figure.facts]
    reply = "Within five working days you get €240.00 of it, in 3 weeks the rest."
    assert support(reply, evidence, "I want 240 euros back!") == Support(
        found=("five working days",), claimed=("€240.00",), missing=("3 weeks",)
    )


def test_a_figure_said_twice_counts_once() -> None:
    assert support("€5.00 and again €5.00", [], "").missing == ("€5.00",)
