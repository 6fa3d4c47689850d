"""Whatever a service answers, in any order and after any pause: a doubt is never called over."""

from dataclasses import dataclass, replace

from builders import NOW
from hypothesis import given
from hypothesis import strategies as st

from agents.settling import Again, Failed, Patience, Sent, Settled, Unknown, may_call, settle
from agents.testing import failing
from store.connectors import Connector
from store.deliveries import Due
from store.outputs import ToolCallRecord

RETENTION_SECONDS = 1_000
CONNECTOR = Connector(key_retention_seconds=RETENTION_SECONDS, refusal="^REFUSED")
PATIENCE = Patience(attempts=5, first_seconds=1.0, longest_seconds=60.0)
OK = ToolCallRecord(tool="t", server="s", status="ok", result={"id": "re_1"})
REFUSED = failing("tool_error", "REFUSED: card closed", said="REFUSED: card closed")
# what may be answered, and whether the call can have had its effect all the same
ANSWERS = {
    "ok": (OK, True),
    "timeout": (failing("timeout"), True),
    "server died": (failing("server_died"), True),
    "some error": (failing("tool_error", "500", said="500"), True),
    "refused": (REFUSED, False),
    "never left": (failing("server_died", was_sent=False), False),
    "never left in time": (failing("timeout", was_sent=False), False),
    "invalid": (failing("invalid_arguments", was_sent=False), False),
    "drifted": (failing("schema_drift", was_sent=False), False),
}


@dataclass(frozen=True)
class Turn:
    """One answer, whether the service really acted where it can have, and the pause after it."""

    answer: str
    acts: bool
    pause: float


@dataclass
class Service:
    """It acts once for a key it knows, and forgets the key when its retention is over."""

    has_key: bool
    times: int = 0
    first: float | None = None

    def receive(self, age: float) -> None:
        is_known = self.first is not None and age - self.first < RETENTION_SECONDS
        if not (self.has_key and is_known):
            self.times += 1
            self.first = age


@dataclass(frozen=True)
class Call:
    """A call that was made, as things stood before it."""

    age: float
    in_doubt: bool
    settled: Settled


PAUSES = st.one_of(
    st.floats(0, 2 * RETENTION_SECONDS),
    st.sampled_from([0.0, 0.8 * RETENTION_SECONDS, RETENTION_SECONDS]),
)
TURNS = st.lists(st.builds(Turn, st.sampled_from(sorted(ANSWERS)), st.booleans(), PAUSES))


def play(turns: list[Turn], *, has_key: bool) -> tuple[list[Call], Service]:
    """Do what the executor does with one entry until it is settled or may not be called."""
    service, calls = Service(has_key), []
    entry = due()
    for attempt, turn in enumerate(turns, start=1):
        entry = replace(entry, attempt=attempt)
        if not may_call(entry, CONNECTOR, has_key=has_key):
            break
        record, can_act = ANSWERS[turn.answer]
        if can_act and (turn.acts or record is OK):
            service.receive(entry.age_seconds)
        settled = settle(record, entry, CONNECTOR, has_key=has_key, patience=PATIENCE, jitter=0.5)
        calls.append(Call(entry.age_seconds, entry.in_doubt, settled))
        if not isinstance(settled, Again):
            break
        entry = replace(
            entry,
            in_doubt=entry.in_doubt or settled.may_have_happened,
            age_seconds=entry.age_seconds + max(turn.pause, settled.delay_seconds),
        )
    return calls, service


def due() -> Due:
    return Due(
        id="key",
        run_id=1,
        draft_id=1,
        decision_id=None,
        position=0,
        kind="refund",
        tool="issue_refund",
        body="{}",
        attempt=1,
        created_at=NOW,
        reverses=None,
        in_doubt=False,
        age_seconds=0.0,
    )


@given(TURNS)
def test_with_a_key_a_doubtful_call_is_repeated_only_within_four_fifths_of_its_retention(
    turns: list[Turn],
) -> None:
    calls, service = play(turns, has_key=True)
    assert all(call.age < 0.8 * RETENTION_SECONDS for call in calls if call.in_doubt)
    assert service.times <= 1


@given(TURNS)
def test_without_a_key_nothing_in_doubt_is_called_again(turns: list[Turn]) -> None:
    calls, service = play(turns, has_key=False)
    assert not any(call.in_doubt for call in calls)
    assert service.times <= 1


@given(TURNS, st.booleans())
def test_it_never_fails_while_it_may_have_happened(turns: list[Turn], has_key: bool) -> None:
    calls, service = play(turns, has_key=has_key)
    for call in calls:
        assert not (call.in_doubt and isinstance(call.settled, Failed))
    if calls and isinstance(calls[-1].settled, Failed):
        assert service.times == 0, "a failure says that it did not happen"


@given(TURNS, st.booleans())
def test_what_is_sent_was_done_once_and_doubt_is_never_forgotten(
    turns: list[Turn], has_key: bool
) -> None:
    calls, service = play(turns, has_key=has_key)
    if calls and isinstance(calls[-1].settled, Sent):
        assert service.times == 1
    if service.times == 1 and calls:
        assert isinstance(calls[-1].settled, Sent | Unknown | Again)
    doubts = [call.in_doubt for call in calls]
    assert doubts == sorted(doubts)


@given(TURNS)
def test_a_call_that_arrives_is_not_repeated_beyond_patience(turns: list[Turn]) -> None:
    calls, _ = play(turns, has_key=True)
    again = [call for call in calls if isinstance(call.settled, Again)]
    arrived = [call for call in again if call.settled.may_have_happened]  # type: ignore[union-attr]
    assert len(arrived) < PATIENCE.attempts


@given(st.floats(0, 10 * RETENTION_SECONDS), st.booleans(), st.integers(1, 10**6), st.booleans())
def test_the_horizon_is_a_matter_of_age_alone(
    age: float, has_key: bool, retention: int, in_doubt: bool
) -> None:
    entry = replace(due(), in_doubt=in_doubt, age_seconds=age)
    connector = Connector(key_retention_seconds=retention)
    wanted = not in_doubt or (has_key and age < 0.8 * retention)
    assert may_call(entry, connector, has_key=has_key) is wanted
