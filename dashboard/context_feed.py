"""What stands around a case, as the browser asks for it when a tab is opened."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from dashboard import session, words
from store.errors import NotFound
from store.reports.context import MONEY_DAYS, CustomerPast, PastRun, Verdicts, customer
from store.reports.precedents import LOOKED_THROUGH, Precedent, Similar, similar
from store.transitions import RunStatus, Verdict

PATH = "/live/context/{review_id:int}"

_VERDICTS = {
    Verdict.APPROVE: ("approved by", "green"),
    Verdict.EDIT: ("edited and approved by", "blue"),
    Verdict.REJECT: ("rejected by", "red"),
    Verdict.WRONG: ("sent alone, judged wrong by", "red"),
    Verdict.RIGHT: ("sent alone, judged right by", "green"),
    Verdict.HAPPENED: ("delivery confirmed by", "blue"),
    Verdict.SEND_AGAIN: ("sent again by", "blue"),
    Verdict.REVERSE: ("taken back by", "orange"),
}
_STATUSES = {
    RunStatus.QUEUED: ("waits for the agent", ""),
    RunStatus.RUNNING: ("the agent is on it", ""),
    RunStatus.AWAITING_REVIEW: ("waits for a person", "orange"),
    RunStatus.COMMITTING: ("is being sent", ""),
    RunStatus.DONE: ("sent", "green"),
    RunStatus.REJECTED: ("rejected", "red"),
    RunStatus.FAILED: ("failed", "red"),
    RunStatus.DEAD: ("crashed", "red"),
    RunStatus.CANCELLED: ("withdrawn", ""),
}


def address(review_id: int) -> str:
    """Return where the context of a review is asked for."""
    return PATH.replace("{review_id:int}", str(review_id))


def context(request: Request) -> JSONResponse:
    """Answer with the customer's other tickets or with similar decided cases."""
    review_id = int(request.path_params["review_id"])
    wanted = request.query_params.get("of")
    headers = {"cache-control": "no-store"}
    try:
        if wanted == "customer":
            past = session.read(customer, review_id, now=session.now())
            return JSONResponse(customer_data(past), headers=headers)
        if wanted == "similar":
            found = session.read(similar, review_id)
            return JSONResponse(similar_data(found), headers=headers)
    except NotFound as error:
        return JSONResponse({"problem": str(error)}, status_code=404, headers=headers)
    problem = "Ask for of=customer or of=similar."
    return JSONResponse({"problem": problem}, status_code=400, headers=headers)


def customer_data(past: CustomerPast) -> dict[str, Any]:
    """Return what the tab Customer shows. Pure."""
    if past.customer_id is None:
        nobody = "The ticket names no customer, so there is no history to show."
        return {"title": "Unknown customer", "summary": "", "rows": [], "empty": nobody}
    others = "1 other ticket" if past.total == 1 else f"{words.count(past.total)} other tickets"
    shown = f", the newest {len(past.runs)} shown" if past.total > len(past.runs) else ""
    moved = ", ".join(
        f"{words.kind(one.kind)} {words.money(one.amount_minor, one.currency)}"
        for one in past.moved
    )
    return {
        "title": past.customer_id,
        "summary": f"{others}{shown}" if past.total else "",
        "money": f"Last {MONEY_DAYS} days: {moved or 'no money moved'}",
        "rows": [_past(run, past.currency) for run in past.runs],
        "empty": "This is the customer's only ticket.",
    }


def similar_data(found: Similar) -> dict[str, Any]:
    """Return what the tab Similar shows. Pure."""
    intent = (found.intent or "out of scope").replace("_", " ")
    return {
        "title": f"How people decided: {intent} · {words.kind(found.action_kind)}",
        "rows": [_precedent(case, found.currency) for case in found.cases],
        "empty": "Nobody has decided a case like this among the newest"
        f" {words.count(LOOKED_THROUGH)} decisions.",
    }


def day(at: Any) -> str:
    """Return a date with its time, in UTC."""
    return f"{at:%d %b %Y %H:%M}"


def _past(run: PastRun, currency: str) -> dict[str, Any]:
    outcome, tone = _outcome(run)
    return {
        "when": f"{run.at:%d %b %Y}",
        "title": run.title,
        "action": words.kind(run.action_kind) if run.action_kind else "",
        "money": words.money(run.amount_minor, currency),
        "outcome": outcome,
        "tone": tone,
    }


def _outcome(run: PastRun) -> tuple[str, str]:
    if run.said is not None:
        return _verdict(run.said)
    if run.status is RunStatus.DONE and run.is_automatic:
        return "sent alone", "green"
    return _STATUSES[run.status]


def _verdict(said: Verdicts) -> tuple[str, str]:
    text, tone = _VERDICTS[said.verdict]
    reason = f": {said.reason}" if said.reason else ""
    return f"{text} {said.person}{reason}", tone


def _precedent(case: Precedent, currency: str) -> dict[str, Any]:
    outcome, tone = _verdict(case.said)
    changed = [
        what
        for what, is_changed in (
            ("words", case.is_reply_changed),
            ("action", case.is_action_changed),
        )
        if is_changed
    ]
    return {
        "when": f"{case.said.at:%d %b %Y}",
        "title": case.message,
        "money": words.money(case.amount_minor, currency),
        "outcome": outcome,
        "tone": tone,
        "changed": f"{' and '.join(changed)} changed" if changed else "",
        "note": case.said.note,
        "reply": case.reply,
    }
