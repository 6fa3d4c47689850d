"""What the commands print: hostile text stays text, and figures read as a person says them."""

import io

import pytest
from rich.console import Console

from agents.cli.ask_view import AskView, action_words, summary
from agents.cli.out import amount, duration, percent, safe, table, visible
from store.actions import Action, reply_only
from store.outputs import (
    Critique,
    GateOutput,
    IntentOutput,
    PassageHit,
    Reason,
    RetrievalOutput,
    SynthesisOutput,
    ToolCallOutput,
    ToolCallRecord,
)
from store.transitions import Outcome

REFUND = Action(
    kind="issue_refund", tool="pay", amount_minor=8_490, currency="EUR", order_id="O-1", args={}
)


def screen() -> Console:
    return Console(file=io.StringIO(), width=120, markup=False, highlight=False, emoji=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "hostile", ["\x1b]0;title\x07", "\x1b[2J", "\u202egnp.exe", "\x9b31m", "\x08\x7f", "\r"]
)
def test_nothing_that_a_terminal_obeys_gets_through(hostile: str) -> None:
    console = screen()
    console.print(safe(hostile))
    console.print(table("", ("a",), [(hostile,)]))
    assert not set(hostile) & set("\x1b\x07\u202e\x9b\x08\x7f\r") & set(printed(console))


def test_markup_in_a_strangers_text_is_shown_not_obeyed() -> None:
    console = screen()
    console.print(safe("[bold]pay me[/bold] :smile: [link=http://x]y[/link]"))
    assert printed(console) == "[bold]pay me[/bold] :smile: [link=http://x]y[/link]\n"


def test_ordinary_text_of_any_language_is_untouched() -> None:
    for text in ("Grüße, 你好, مرحبا", "two\nlines\tand a tab", "👩\u200d👩\u200d👧"):
        assert visible(text) == text


def test_windows_line_ends_are_line_ends() -> None:
    assert visible("a\r\nb") == "a\nb"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (5_400, "1.5 h"),
        (90_000, "25 h"),
        (172_800, "2 d"),
    ],
)
def test_time_spans_read_as_said(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_unknown_is_a_word_and_no_money_is_nothing() -> None:
    assert percent(None) == "unknown"
    assert percent(0.8333) == "83.3%"
    assert amount(None, None) == ""
    assert amount(8_490, "EUR") == "€84.90"


def test_an_action_is_said_in_a_few_words() -> None:
    assert action_words(REFUND.model_dump()) == "issue refund €84.90 order O-1"
    assert action_words(reply_only("C-1").model_dump()) == "reply only"


def test_several_actions_are_all_named_and_their_money_is_summed() -> None:
    cancel = Action(kind="cancel_order", tool="cancel_order", order_id="O-1", also=(REFUND,))
    said = "cancel order order O-1 + issue refund €84.90 order O-1"
    assert action_words(cancel.model_dump()) == said
    twice = REFUND.model_copy(update={"also": (REFUND,)})
    assert action_words(twice.model_dump()).endswith("+ issue refund €84.90 order O-1 = €169.80")


def step(name: str, output: object) -> dict[str, object]:
    assert hasattr(output, "model_dump")
    return {"name": name, "output": output.model_dump(mode="json"), "error": None}


def test_every_step_has_its_one_line() -> None:
    hit = PassageHit(passage_id=1, source="r.md#x", title="Refunds", text="…", score=0.1)
    calls = [
        ToolCallRecord(tool="list_charges", server="shop", status="ok"),
        ToolCallRecord(tool="get_order", server="shop", status="error", error="no answer"),
        ToolCallRecord(tool="get_plan", server="shop", status="skipped"),
    ]
    intent = IntentOutput(intent=None, title="Out of scope", probability=0.4, is_out_of_scope=True)
    draft = SynthesisOutput(
        reply="…", action=REFUND, concerns=["two orders"], critique=Critique(agrees=True)
    )
    gate = GateOutput(
        outcome=Outcome.ESCALATE,
        reasons=[Reason(code="x", message="Too much money")],
        threshold=0.85,
        policy_version=1,
        is_audited=False,
        inclusion_probability=1,
    )
    said = [
        summary(step("intent", intent)),
        summary(step("retrieval", RetrievalOutput(query="q", passages=[hit]))),
        summary(step("retrieval", RetrievalOutput(query="q"))),
        summary(step("tool_call", ToolCallOutput(calls=calls))),
        summary(step("tool_call", ToolCallOutput(calls=calls[:1]))),
        summary(step("tool_call", ToolCallOutput())),
        summary(step("synthesis", draft)),
        summary(step("gate", gate)),
        summary({"name": "intent", "output": None, "error": "timed out"}),
    ]
    assert said == [
        "none of the company's intents",
        "1 passages, best: Refunds",
        "nothing found",
        "1 of 2 look-ups failed: no answer",
        "list_charges",
        "nothing to look up",
        "issue refund €84.90 order O-1; doubt: two orders",
        "escalate: Too much money",
        "timed out",
    ]


def test_the_verdict_shows_route_reasons_action_and_draft() -> None:
    console = screen()
    view = AskView(console)
    view.step("intent", "ok", 12.3)
    view.verdict(
        {
            "run_id": 7,
            "route": "route_to_human",
            "confidence": 0.612,
            "threshold": 0.85,
            "reasons": [{"code": "doubtful_evidence", "message": "Two orders of one amount"}],
            "draft": "Hello,\nwe are looking into it.",
            "action": REFUND.model_dump(mode="json"),
            "steps": [{"name": "intent", "status": "ok", "latency_ms": 12.3, "output": None}],
            "error": None,
        }
    )
    shown = printed(console)
    for words in (
        "Run 7 goes to a person.",
        "confidence 0.61 against 0.85",
        "because: Two orders of one amount (doubtful_evidence)",
        "Action: issue refund €84.90 order O-1",
        "we are looking into it.",
    ):
        assert words in shown


def test_a_failed_run_says_why_in_one_line() -> None:
    console = screen()
    AskView(console).verdict(
        {
            "run_id": 8,
            "route": None,
            "confidence": None,
            "threshold": None,
            "reasons": [],
            "draft": None,
            "action": None,
            "steps": [],
            "error": "tool_call: the shop does not answer\nsecond line",
        }
    )
    assert "Run 8 failed; nothing will be sent." in printed(console)
    assert "the shop does not answer" in printed(console)
    assert "second line" not in printed(console)
