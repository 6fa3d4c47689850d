"""A company of one's own from `greenlight init`: three intents, two documents, a third-party server.

The clock comes from `mcp-server-time`, a published MCP server nobody here wrote; answers go out
through a small server of the company's own. Everything runs through the command line.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
from cli_runner import document, greenlight

SERVER = Path(__file__).parent.parent / "starter_server.py"
TIME_SERVER = """
[[servers]]
name = "clock"
command = ["{python}", "-m", "mcp_server_time", "--local-timezone", "Europe/Vienna"]
read = ["get_current_time"]

[[servers]]
name = "shop"
"""
INTENTS = """
[[intents]]
name = "opening_hours"
title = "Are you open now"
examples = [
  "Are you open right now?",
  "Is the shop open at the moment?",
  "Do you still have opening hours today?",
]

[[intents.lookups]]
tool = "get_current_time"
save_as = "clock"
args = { timezone = "'Europe/Vienna'" }

[[intents.decisions]]
when = "clock.datetime"
reply = "It is {{ clock.datetime[11:16] }} with us. {{ passages[0].text | quote(ticket.text) }}"

[[intents.decisions]]
reply = "Thank you for asking."
doubt = "Nobody could tell the time."
"""


@pytest.fixture
def company(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "corner-shop"
    greenlight("init", folder)
    shutil.copy(SERVER, folder / "tools_server.py")
    file = folder / "greenlight.toml"
    text = re.sub(r'\n\[\[servers\]\]\nname = "shop"\n', TIME_SERVER, file.read_text(), count=1)
    file.write_text(text + INTENTS)
    (folder / "documents" / "hours.md").write_text(
        "# Hours\n\n## Opening hours\n\nThe shop is open from 9:00 to 18:00, Monday to Saturday.\n"
    )
    return folder


def test_a_second_company_runs_end_to_end(company: Path, tmp_path: Path) -> None:
    assert document("check", company) == {"ok": True, "mistakes": []}
    assert len(list((company / "documents").glob("*.md"))) == 2
    tickets = tmp_path / "tickets.jsonl"
    lines = [
        {"id": "1", "customer_id": "C-1", "text": "Is your shop open right now?"},
        {"id": "2", "customer_id": "C-1", "text": "How long does delivery take?"},
        {"id": "3", "customer_id": "C-2", "text": "The vase in my order EX-5678 arrived broken."},
        {"id": "4", "customer_id": "C-2", "text": "Can you do my homework for me?"},
    ]
    tickets.write_text("\n".join(json.dumps(line) for line in lines))

    greenlight("worker", "--drain", "--company", company)  # registers the company
    assert document("submit", tickets)["accepted"] == 4
    greenlight("worker", "--drain", "--company", company)

    waiting = document("queue")["reviews"]
    assert len(waiting) == 4, "an uncalibrated model sends every draft to a person"
    assert all(
        any(reason["code"] == "uncalibrated" for reason in review["reasons"]) for review in waiting
    )
    for review in waiting:
        document("decide", review["review_id"], "approve", "--as", "Your name")
    greenlight("executor", "--drain", "--company", company)

    sent = [json.loads(line) for line in (company / "ledger.jsonl").read_text().splitlines()]
    replies = [entry for entry in sent if entry["tool"] == "send_reply"]
    assert len(replies) == 4
    assert len({entry["key"] for entry in replies}) == 4
    assert any(re.search(r"It is \d\d:\d\d with us\. .*9:00 to 18:00", r["text"]) for r in replies)
    refunds = [entry for entry in sent if entry["tool"] == "refund_order"]
    assert [(entry["order_id"], entry["amount_minor"]) for entry in refunds] == [("EX-5678", 1_250)]
    assert document("report")["escalated"] == 4
