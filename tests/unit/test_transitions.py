"""Every move between states that the tables do not list is refused; no state is a dead end by
accident.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from store.errors import IllegalTransition
from store.transitions import (
    OPEN_REVIEW,
    OUTBOX_MOVES,
    REVIEW_MOVES,
    RUN_MOVES,
    OutboxStatus,
    ReviewStatus,
    RunStatus,
    require,
)

TABLES: list[tuple[type[StrEnum], Mapping[Any, frozenset[Any]]]] = [
    (RunStatus, RUN_MOVES),
    (ReviewStatus, REVIEW_MOVES),
    (OutboxStatus, OUTBOX_MOVES),
]
PAIRS = [(moves, now, wanted) for kind, moves in TABLES for now in kind for wanted in kind]


def _name(value: object) -> str | None:
    return f"{type(value).__name__}.{value}" if isinstance(value, StrEnum) else ""


@pytest.mark.parametrize(("moves", "now", "wanted"), PAIRS, ids=_name)
def test_a_move_is_made_only_if_its_table_lists_it(
    moves: Mapping[StrEnum, frozenset[StrEnum]], now: StrEnum, wanted: StrEnum
) -> None:
    if wanted in moves[now]:
        assert require(moves, now, wanted) is wanted
    else:
        with pytest.raises(IllegalTransition, match=f"`{now}`.*`{wanted}`"):
            require(moves, now, wanted)


@pytest.mark.parametrize(("kind", "moves"), TABLES)
def test_every_state_has_a_row_and_none_moves_to_itself(
    kind: type[StrEnum], moves: Mapping[StrEnum, frozenset[StrEnum]]
) -> None:
    assert set(moves) == set(kind)
    assert not [state for state, following in moves.items() if state in following]


@pytest.mark.parametrize(
    ("moves", "final"),
    [
        (RUN_MOVES, {RunStatus.CANCELLED}),
        (REVIEW_MOVES, {ReviewStatus.SUPERSEDED, ReviewStatus.EXPIRED}),
        (OUTBOX_MOVES, {OutboxStatus.SENT, OutboxStatus.CANCELLED}),
    ],
)
def test_only_the_named_states_are_final(
    moves: Mapping[StrEnum, frozenset[StrEnum]], final: set[StrEnum]
) -> None:
    assert {state for state, following in moves.items() if not following} == final


def test_nothing_reaches_delivery_without_being_authorised_first() -> None:
    into_commit = {state for state, following in RUN_MOVES.items() if "committing" in following}
    assert into_commit == {RunStatus.RUNNING, RunStatus.AWAITING_REVIEW}
    assert {s for s, following in OUTBOX_MOVES.items() if "sent" in following} == {
        OutboxStatus.SENDING,
        OutboxStatus.UNKNOWN,
    }


def test_an_expired_review_can_never_be_decided() -> None:
    assert ReviewStatus.EXPIRED not in OPEN_REVIEW
    assert not REVIEW_MOVES[ReviewStatus.EXPIRED]
