"""Reads that are kept: quick ones for a moment, slow ones in proportion to what they took."""

from collections.abc import Callable

from dashboard.sparing import FRESH_SECONDS, MOST, TIMES, Sparing


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def taking(clock: Clock, seconds: float, answers: list[int]) -> Callable[[], int]:
    def read() -> int:
        clock.at += seconds
        return answers.pop(0)

    return read


def test_a_quick_read_is_repeated_after_a_moment() -> None:
    clock = Clock()
    kept, read = Sparing(clock), taking(clock, 0.01, [1, 2])
    assert [kept.get("a", read), kept.get("a", read)] == [1, 1]
    clock.at += FRESH_SECONDS
    assert kept.get("a", read) == 2


def test_a_slow_read_is_kept_twenty_times_as_long_as_it_took() -> None:
    clock = Clock()
    kept, read = Sparing(clock), taking(clock, 2.0, [1, 2])
    assert kept.get("a", read) == 1
    clock.at += TIMES * 2.0 - 0.1
    assert kept.get("a", read) == 1
    clock.at += 0.2
    assert kept.get("a", read) == 2


def test_other_questions_are_read_by_themselves_and_the_oldest_forgotten() -> None:
    clock = Clock()
    kept, read = Sparing(clock), taking(clock, 0.0, list(range(MOST + 2)))
    assert [kept.get(number, read) for number in range(MOST + 1)] == list(range(MOST + 1))
    assert kept.get(MOST, read) == MOST
    assert kept.get(0, read) == MOST + 1
