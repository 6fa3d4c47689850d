"""What `ask` shows while a ticket is worked, and the verdict in the end. Draws; decides nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents.cli.out import amount, percent, safe, table

if TYPE_CHECKING:
    from rich.console import Console

ROUTES = {
    "auto_reply": ("goes out alone", "bold green"),
    "route_to_human": ("goes to a person", "bold yellow"),
    "blocked": ("is blocked; a person may only reject or answer", "bold red"),
    None: ("failed; nothing will be sent", "bold red"),
}


class AskView:
    """Prints one line per attempt at a step as it ends, then what came of it all."""

    def __init__(self, console: "Console") -> None:
        self._console = console

    def step(self, name: str, status: str, latency_ms: float) -> None:
        """Print that an attempt at a step ended."""
        style = "green" if status == "ok" else "red"
        self._console.print(safe(f"{name:<10} {status:<8} {latency_ms:8.0f} ms", style))

    def verdict(self, result: Mapping[str, Any]) -> None:
        """Print steps, reasons, action and draft of the finished ticket."""
        rows = [
            (step["name"], step["status"], f"{step['latency_ms']:.0f} ms", summary(step))
            for step in result["steps"]
        ]
        self._console.print(table("", ("step", "status", "#time", "what came of it"), rows))
        words, style = ROUTES[result["route"]]
        confidence, threshold = result["confidence"], result["threshold"]
        sure = (
            "" if confidence is None else f"  confidence {confidence:.2f} against {threshold:.2f}"
        )
        self._console.print(safe(f"Run {result['run_id']} {words}.{sure}", style))
        if result["error"]:
            self._console.print(safe(f"  because: {result['error'].splitlines()[0]}"))
        for reason in result["reasons"]:
            self._console.print(safe(f"  because: {reason['message']} ({reason['code']})"))
        if result["action"] is not None:
            self._console.print(safe(f"\nAction: {action_words(result['action'])}"))
        if result["draft"]:
            self._console.print(safe(f"\n{result['draft']}"))


def action_words(action: Mapping[str, Any]) -> str:
    """Return an action in a few words: kind, money, order; of several, each and their total."""
    parts = [action, *action.get("also", ())]
    moved = [part for part in parts if part.get("amount_minor") is not None]
    words = " + ".join(_part_words(part) for part in parts)
    if len(moved) > 1:
        total = sum(part["amount_minor"] for part in moved)
        words += f" = {amount(total, moved[0].get('currency'))}"
    return words


def _part_words(action: Mapping[str, Any]) -> str:
    money = amount(action.get("amount_minor"), action.get("currency"))
    order = f"order {action['order_id']}" if action.get("order_id") else ""
    return " ".join(part for part in (action["kind"].replace("_", " "), money, order) if part)


def summary(step: Mapping[str, Any]) -> str:
    """Return one line about what a step put out; its shape is that of `store.outputs`."""
    describe = _SUMMARIES.get(step["name"])
    output = step.get("output")
    return describe(output) if describe and output else step.get("error") or ""


def _intent(output: Mapping[str, Any]) -> str:
    if output["is_out_of_scope"]:
        return "none of the company's intents"
    return f"{output['title']} ({percent(output['probability'])})"


def _retrieval(output: Mapping[str, Any]) -> str:
    passages = output["passages"]
    return (
        f"{len(passages)} passages, best: {passages[0]['title']}" if passages else "nothing found"
    )


def _tool_call(output: Mapping[str, Any]) -> str:
    calls = [call for call in output["calls"] if call["status"] != "skipped"]
    failed = [call for call in calls if call["status"] == "error"]
    if failed:
        return f"{len(failed)} of {len(calls)} look-ups failed: {failed[0]['error']}"
    return ", ".join(call["tool"] for call in calls) or "nothing to look up"


def _synthesis(output: Mapping[str, Any]) -> str:
    doubts = output["concerns"] + output["critique"]["objections"]
    return action_words(output["action"]) + (f"; doubt: {doubts[0]}" if doubts else "")


def _gate(output: Mapping[str, Any]) -> str:
    reasons = output["reasons"]
    return str(output["outcome"]) + (f": {reasons[0]['message']}" if reasons else "")


def _commit(output: Mapping[str, Any]) -> str:
    return ", ".join(f"{one['tool']} {one['status']}" for one in output["deliveries"])


_SUMMARIES = {
    "intent": _intent,
    "retrieval": _retrieval,
    "tool_call": _tool_call,
    "synthesis": _synthesis,
    "gate": _gate,
    "commit": _commit,
}
