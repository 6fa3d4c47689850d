"""The Audit page in a real browser: a click tells the case's story, and the download is safe."""

import csv
import io
import re
from datetime import datetime
from pathlib import Path

from playwright.sync_api import expect
from screen import Screen

from store import audit
from store.engine import Store

HARM = "=HYPERLINK(0) ![x](http://evil.test/a.png) <img src=x onerror=alert(1)>"


def test_a_row_opens_the_story_of_its_case(screen: Screen, filled: Store) -> None:
    screen.open("/audit")
    row = screen.page.locator(".row", has_text="sent a draft to a person").first
    about = row.locator(".about").inner_text()
    row.click()
    screen.page.wait_for_url(re.compile(rf"[?&]run={about.removeprefix('run ')}(&|$)"))
    story = screen.page.locator(".story")
    expect(story).to_contain_text("drafted revision 1")
    expect(story.locator(".current")).to_contain_text("sent a draft to a person")
    expect(screen.page.locator(".row.current .about")).to_have_text(about)
    screen.page.get_by_role("button", name="Close").click()
    expect(story).to_have_count(0)


def test_a_stranger_s_text_is_text_and_the_download_is_defused(
    screen: Screen, filled: Store, moment: datetime, tmp_path: Path
) -> None:
    filled.transact(
        audit.append,
        actor=HARM,
        tag="hook:called",
        subject="hook:1",
        at=moment,
        body={"note": HARM},
    )
    screen.open("/audit?audit_search=hook:1")
    row = screen.page.locator(".row")
    expect(row).to_have_count(1)
    expect(row.locator(".who")).to_have_text(HARM)
    row.click()
    expect(screen.page.get_by_text("hook:called · hook:1")).to_be_visible()
    with screen.page.expect_download() as started:
        screen.page.get_by_role("button", name="Download 1 as CSV").click()
    started.value.save_as(tmp_path / "audit.csv")
    saved = (tmp_path / "audit.csv").read_text("utf-8-sig")
    (entry,) = csv.DictReader(io.StringIO(saved))
    assert entry["actor"] == f"'{HARM}"
    assert entry["happened"] == "hook called"
