"""What a verdict says about a draft and its steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.labels import CUSTOMER, WORDING, from_verdict
from store.outputs import STEPS
from store.transitions import Verdict

ALL_RIGHT: list[tuple[str | None, bool]] = [(None, True), *((step, True) for step in STEPS)]


@pytest.mark.parametrize(
    ("verdict", "reason", "blamed"),
    [
        (Verdict.APPROVE, None, None),
        (Verdict.RIGHT, None, None),
        (Verdict.EDIT, WORDING, None),
        (Verdict.REJECT, "changed_mind", CUSTOMER),
        (Verdict.WRONG, None, CUSTOMER),
    ],
)
def test_a_draft_that_was_right_was_right_in_every_step(
    verdict: Verdict, reason: str | None, blamed: str | None
) -> None:
    assert from_verdict(verdict, reason_code=reason, blamed_step=blamed) == ALL_RIGHT


@pytest.mark.parametrize("verdict", [Verdict.EDIT, Verdict.REJECT, Verdict.WRONG])
def test_before_the_blamed_step_right_itself_wrong_after_it_unknown(verdict: Verdict) -> None:
    assert from_verdict(verdict, reason_code="facts", blamed_step="tool_call") == [
        (None, False),
        ("intent", True),
        ("retrieval", True),
        ("tool_call", False),
    ]


@pytest.mark.parametrize("verdict", [Verdict.EDIT, Verdict.REJECT, Verdict.WRONG])
@pytest.mark.parametrize("blamed", [None, "no_single_step", "commit"])
def test_wrong_without_a_step_that_ran_labels_the_whole_alone(
    verdict: Verdict, blamed: str | None
) -> None:
    judged = STEPS[:5]
    assert from_verdict(verdict, blamed_step=blamed, steps=judged) == [(None, False)]


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.WRONG])
def test_wording_excuses_an_edit_only(verdict: Verdict) -> None:
    assert from_verdict(verdict, reason_code=WORDING) == [(None, False)]


def test_blaming_the_customer_does_not_excuse_an_edit() -> None:
    assert from_verdict(Verdict.EDIT, blamed_step=CUSTOMER) == [(None, False)]


@given(
    st.sampled_from(Verdict),
    st.sampled_from([None, WORDING, "facts"]),
    st.sampled_from([None, CUSTOMER, *STEPS]),
)
def test_at_most_one_step_is_wrong_and_only_of_a_wrong_draft(
    verdict: Verdict, reason: str | None, blamed: str | None
) -> None:
    (whole, is_right), *steps = from_verdict(verdict, reason_code=reason, blamed_step=blamed)
    wrong = [step for step, was_right in steps if not was_right]
    assert whole is None
    assert wrong == ([] if is_right or blamed not in STEPS else [blamed])
    assert [step for step, _ in steps] == list(STEPS[: len(steps)])
