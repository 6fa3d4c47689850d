"""Fifty mixed cards cleared by keyboard alone; the same presses as `make bench-ui`, no clock."""

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import desk
import money_desk
import pytest
from bench.ui import keystrokes
from playwright.sync_api import Browser
from screen import served, watched

from store.actions import reply_only
from store.engine import Store
from store.gate import AmountRule, PolicyBody
from store.reports.card import card
from store.settings import Settings
from store.transitions import Outcome, ReviewStatus, Verdict

CARDS, EXTRA = 50, 4  # some are left for another time
POLICY = PolicyBody(
    amount_rules=(AmountRule(kind="refund", above_minor=500_000, outcome=Outcome.BLOCK),)
)
PLAIN = desk.Case("", "Where is my parcel?", confidence=0.4)
MIX = (
    reply_only("C-1042"),
    money_desk.refund(4_900),
    money_desk.voucher(),  # cannot be taken back: the amount is typed
    reply_only("C-1042"),
    money_desk.refund(124_000),  # two people
    money_desk.refund(600_000),  # blocked
)


@pytest.fixture
def waiting(store: Store) -> Store:
    """A desk with replies, refunds, vouchers, blocked and two-person cards."""
    now = datetime.now(UTC)
    money_desk.company(store, now=now - timedelta(days=30), policy=POLICY)
    for number in range(CARDS + EXTRA):
        case = replace(PLAIN, external_id=f"F-{number}", action=MIX[number % len(MIX)])
        desk.run(store, case, at=now - timedelta(minutes=number))
    return store


def test_fifty_mixed_cards_are_cleared_by_keyboard_alone(
    browser: Browser, waiting: Store, settings: Settings
) -> None:
    decided: dict[int, Verdict] = {}
    acts: Counter[str] = Counter()
    with served(os.environ) as address, browser.new_context(viewport=keystrokes.SIZE) as context:
        page = context.new_page()
        tab = watched(page, address)
        page.add_init_script(keystrokes.SCRIPT)
        tab.open()
        at = keystrokes.on_screen(page)
        while len(decided) < CARDS:
            keystrokes.wait_until_armed(page)
            wanted = keystrokes.ACTS[acts.total() % len(keystrokes.ACTS)]
            act, verdict, keys = keystrokes.planned(waiting.read(card, at), wanted)
            acts[act] += 1
            if verdict is not None:
                decided[at] = verdict
            _, at = keystrokes.press(page, at, keys)
        assert (tab.outside, tab.wrong) == ([], [])
    assert keystrokes.unrecorded(waiting, decided) == []
    assert min(acts[act] for act in ("approve", "edit", "reject", "skip", "next")) >= 3
    still_open = [
        one for one in decided if waiting.read(card, one).status is not ReviewStatus.DECIDED
    ]
    assert len(still_open) < CARDS / len(MIX) + 2  # those that another person must approve as well
