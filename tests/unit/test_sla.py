"""The clock's rule: which stage a card has reached."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import sla
from store.gate import Sla
from store.transitions import SlaStage

OPENED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CLOCK = Sla(remind=18, due=24, hold=72)
ORDER = list(SlaStage)


@pytest.mark.parametrize(
    ("hours", "reached"),
    [
        (-5, SlaStage.FRESH),
        (0, SlaStage.FRESH),
        (17.999, SlaStage.FRESH),
        (18, SlaStage.REMINDED),
        (23.999, SlaStage.REMINDED),
        (24, SlaStage.REROUTED),
        (71.999, SlaStage.REROUTED),
        (72, SlaStage.HELD),
        (24 * 900, SlaStage.HELD),
    ],
)
def test_a_stage_begins_with_its_hour(hours: float, reached: SlaStage) -> None:
    assert sla.stage(CLOCK, OPENED, OPENED + timedelta(hours=hours)) is reached


@given(st.floats(0, 200), st.floats(0, 200))
def test_waiting_longer_never_leads_back(first: float, further: float) -> None:
    early, late = OPENED + timedelta(hours=first), OPENED + timedelta(hours=first + further)
    stages = [ORDER.index(sla.stage(CLOCK, OPENED, at)) for at in (early, late)]
    assert stages == sorted(stages)
