"""The Audit page: the trail in words, whether it is whole, one case's story, the safe download."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import desk
import gated
import pages
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session
from store import anchors, audit
from store.engine import Store
from store.reports.audit import last_seq
from store.reports.queue import queue_page
from store.reports.wanted import Wanted
from store.settings import Settings
from store.transitions import Verdict


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> pages.Clock:
    found = pages.Clock(now)
    monkeypatch.setattr(session, "now", found)
    return found


@pytest.fixture
def filled(store: Store, clock: pages.Clock) -> Store:
    """A desk of cards, one of them decided, and one entry with text that means harm."""
    desk.fill(store, now=clock.at)
    waiting = store.read(queue_page, now=clock.at).items
    review = next(item.review_id for item in waiting if item.external_id == "T-2003")
    desk.decide(
        store, review, Verdict.REJECT, at=clock.at, reason_code="tone", note="**bold** <b>x</b>"
    )
    store.transact(
        audit.append,
        actor="=cmd|' /C calc'!A0",
        tag="webhook:odd_thing",
        subject="hook:1",
        at=clock.at,
        body={"note": "![x](http://evil.test/a.png)"},
    )
    return store


def draw() -> None:
    from dashboard.app_pages import audit

    audit.page()


def opened(**address: str) -> AppTest:
    at = pages.page(draw)
    for name, value in address.items():
        at.query_params[name] = value
    return run(at)


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


def rows(at: AppTest) -> list[dict[str, Any]]:
    return list(pages.part(at, "audit_log")["items"])


def said(at: AppTest) -> list[str]:
    return [f"{row['who']} {row['what']}" for row in rows(at)]


def moments(at: AppTest) -> list[str]:
    return [f"{one['who']} {one['what']}" for one in pages.part(at, "story")["moments"]]


def tile(at: AppTest, label: str) -> dict[str, str]:
    (found,) = [one for one in pages.part(at, "tiles")["tiles"] if one["label"] == label]
    return dict(found)


def run_of(store: Store, external_id: str, clock: pages.Clock) -> int:
    found = store.read(queue_page, Wanted(search=external_id), now=clock.at).items
    return found[0].run_id


def test_entries_are_said_in_words_newest_first(filled: Store, clock: pages.Clock) -> None:
    at = opened()
    assert said(at)[:2] == ["=cmd|' /C calc'!A0 webhook odd thing", "Ben rejected a draft"]
    assert rows(at)[1]["detail"].startswith("reason tone")
    assert [row["seq"] for row in rows(at)] == list(range(filled.read(last_seq), 0, -1))
    assert pages.parts(at, "story") == []


def test_the_trail_is_verified_on_the_first_visit_and_on_demand(
    filled: Store, settings: Settings, clock: pages.Clock
) -> None:
    anchors.write_last(filled, settings.anchor_file, clock.at)
    newest = filled.read(last_seq)
    at = opened()
    assert tile(at, "Trail")["value"] == "whole"
    assert tile(at, "Verified")["value"] == f"to entry {newest}"
    assert tile(at, "Anchored outside")["value"] == f"to entry {newest}"
    clock.pass_seconds(120)
    gated.tamper(settings, "DELETE FROM audit_entry WHERE seq > 4")
    run(at)
    assert tile(at, "Verified") == {  # what was found then, until somebody asks again
        "label": "Verified",
        "value": f"to entry {newest}",
        "hint": "2 min ago",
        "tone": "",
    }
    pages.press(at, "audit_verify")
    assert tile(at, "Trail")["value"] == "NOT whole"
    assert tile(at, "Trail")["tone"] == "bad"
    assert "Entry 5 is gone: the anchor of" in pages.words_of(at)


def test_without_an_anchor_the_page_says_so(filled: Store, clock: pages.Clock) -> None:
    shown = tile(opened(), "Anchored outside")
    assert (shown["value"], shown["tone"]) == ("not yet", "warn")


def test_search_and_filters_narrow_the_list(filled: Store, clock: pages.Clock) -> None:
    at = opened()
    at.text_input(key="audit_search").set_value("T-2002").run()
    mine = f"run {run_of(filled, 'T-2002', clock)}"
    assert {row["about"] for row in rows(at)} == {mine}
    at.text_input(key="audit_search").set_value("")
    at.selectbox(key="audit_family").set_value("decisions").run()
    assert said(at) == ["Ben rejected a draft"]
    at.selectbox(key="audit_actor").set_value("gate").run()
    assert rows(at) == []
    assert pages.part(at, "audit_log")["empty"] == "No entry fits."


def test_a_period_narrows_the_list(filled: Store, clock: pages.Clock) -> None:
    at = opened()
    everything = len(rows(at))
    at.selectbox(key="audit_period").set_value("last 30 days").run()
    assert len(rows(at)) == everything
    at.selectbox(key="audit_period").set_value("last hour").run()
    assert 0 < len(rows(at)) < everything
    at.selectbox(key="audit_period").set_value("certain days").run()
    today = clock.at.date()
    at.date_input(key="audit_days").set_value(
        (today - timedelta(days=31), today - timedelta(days=29))
    ).run()
    assert "greenlight registered the company" in said(at)
    assert {row["time"][:11] for row in rows(at)} == {f"{today - timedelta(days=30):%d %b %Y}"}


def test_the_filters_are_in_the_address(filled: Store, clock: pages.Clock) -> None:
    at = opened(audit_family="decisions", audit_search="tone")
    assert said(at) == ["Ben rejected a draft"]


def test_a_long_trail_is_paged_and_the_pages_come_back(filled: Store, clock: pages.Clock) -> None:
    def more(session: Any) -> None:
        for number in range(120):
            audit.append(
                session,
                actor="gate",
                tag="run:draft:passed",
                subject="run:1",
                at=clock.at,
                body={"n": number},
            )

    filled.transact(more)
    newest = filled.read(last_seq)
    at = opened()
    assert len(rows(at)) == 50
    pages.press(at, "audit_to_older")
    assert rows(at)[0]["seq"] == newest - 50
    assert f"{newest - 49}" in at.query_params["before"]
    pages.press(at, "audit_to_older")
    pages.press(at, "audit_to_newer")
    assert rows(at)[0]["seq"] == newest - 50
    at.selectbox(key="audit_actor").set_value("gate").run()
    assert rows(at)[0]["seq"] == newest
    assert "before" not in at.query_params


def test_a_case_is_told_from_the_address_in_order_of_time(
    filled: Store, clock: pages.Clock
) -> None:
    number = opened(audit_family="decisions")
    run_id = rows(number)[0]["about"].removeprefix("run ")
    at = opened(run=run_id)
    assert moments(at) == [
        "C-1108 wrote",
        "model:local drafted revision 1",
        "gate sent a draft to a person",
        "Ben rejected a draft",
    ]
    last = pages.part(at, "story")["moments"][-1]
    assert last["words"] == "**bold** <b>x</b>"
    assert last["warning"] == ""
    pages.press(at, "audit_close")
    assert pages.parts(at, "story") == []


def test_an_entry_that_is_no_case_shows_what_is_stored(filled: Store, clock: pages.Clock) -> None:
    newest = filled.read(last_seq)
    at = opened(entry=str(newest))
    assert f"Entry {newest}" in pages.words_of(at)
    assert "webhook:odd_thing · hook:1 · =cmd|" in pages.words_of(at)
    assert "evil.test" in at.json[0].value
    assert not [one for one in at.markdown if "evil.test" in one.value]


@pytest.mark.parametrize(
    "address",
    [{"run": "999999"}, {"entry": "999999"}, {"run": "x"}, {"before": "-1"}, {"run": "9" * 30}],
)
def test_an_address_that_leads_nowhere_is_no_accident(
    filled: Store, clock: pages.Clock, address: dict[str, str]
) -> None:
    assert rows(opened(**address))


def test_tampered_rows_are_shown_and_marked_in_the_story(
    filled: Store, settings: Settings, clock: pages.Clock
) -> None:
    at = opened(audit_family="decisions")
    number = rows(at)[0]["about"].removeprefix("run ")
    gated.tamper(
        settings,
        "UPDATE audit_entry SET at = 'yesterday', body = 'no json' WHERE subject = ?",
        f"run:{number}",
    )
    at = opened(run=number)
    marked = [one for one in pages.part(at, "story")["moments"] if one["warning"]]
    assert {one["time"] for one in marked if one["seq"]} == {"–"}
    assert all("seal does not fit" in one["warning"] for one in marked if one["seq"])


def test_the_download_says_how_many_and_is_safe(filled: Store, clock: pages.Clock) -> None:
    at = opened()
    (button,) = at.get("download_button")
    newest = filled.read(last_seq)
    assert button.proto.label == f"Download {newest} as CSV"


def test_the_download_holds_what_the_list_holds(filled: Store, clock: pages.Clock) -> None:
    from dashboard.app_pages.audit import as_csv
    from store.reports.audit import Wanted as WantedEntries

    content = as_csv(filled, WantedEntries(text="hook:1"), before=filled.read(last_seq) + 1)
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["actor"] == "'=cmd|' /C calc'!A0"
    assert row["seq"] == str(filled.read(last_seq))


def test_every_role_may_read_it(filled: Store, clock: pages.Clock) -> None:
    for person in ("Ana", "Mo"):
        at = pages.page(draw)
        at.session_state["person"] = person
        assert rows(run(at))


def test_an_empty_trail_says_so(store: Store, clock: pages.Clock) -> None:
    at = opened()
    assert rows(at) == []
    assert pages.part(at, "audit_log")["empty"] == "Nothing is recorded yet."
