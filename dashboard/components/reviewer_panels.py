"""A panel per reviewer: pace, verdicts, second looks and planted errors, each with n and range."""

from collections.abc import Sequence

from dashboard import words
from dashboard.components.custom import register
from store.reports.reviewers import NAMED_GOAL, Reviewer, Share

_PANELS = register("reviewers")


def reviewer_panels(people: Sequence[Reviewer], *, key: str) -> None:
    """Draw the panels side by side, as many as fit."""
    _PANELS(key=key, data={"people": [_panel(one) for one in people]})


def said(share: Share) -> str:
    """Return a share of at least 30 with its range."""
    return f"{words.percent(share.rate)}, {words.span(share.low, share.high)}"


def _panel(one: Reviewer) -> dict[str, object]:
    others = [
        f"{words.count(number)} {what}"
        for number, what in ((one.in_bulk, "in bulk"), (one.audits, "audits"))
        if number
    ]
    return {
        "name": one.person,
        "tag": "simulated" if one.is_simulated else "",
        "lead": f"{words.count(one.cards)} cards",
        "aside": " · ".join(others),
        "mix": {
            "approve": one.approved.part,
            "edit": one.edited.part,
            "reject": one.rejected.part,
        },
        "notice": one.notice,
        "rows": _rows(one),
    }


def _rows(one: Reviewer) -> list[dict[str, str]]:
    goal = f"goal {words.percent(NAMED_GOAL, 0)}"
    return [
        _pace(one),
        _row("Approved", one.approved, part="approve"),
        _row("Edited", one.edited, part="edit"),
        _row("Rejected", one.rejected, part="reject"),
        _row("Undone", one.undone),
        _row("First wrong step named", one.named, goal if one.named.whole else ""),
        _row("Agreed in second looks", one.agreed),
        _row("Planted errors caught", one.caught),
    ]


def _pace(one: Reviewer) -> dict[str, str]:
    if one.median_s is None or one.p90_s is None:
        return {"label": "Median time on a card", "value": words.UNKNOWN, "tone": "unknown"}
    note = f"90 % within {one.p90_s:.1f} s, n = {words.count(one.timed)}"
    return {"label": "Median time on a card", "value": f"{one.median_s:.1f} s", "note": note}


def _row(label: str, share: Share, further: str = "", *, part: str = "") -> dict[str, str]:
    value, note = words.UNKNOWN, ""
    if share.rate is not None:
        value = f"{words.count(share.part)} of {words.count(share.whole)}"
        note = said(share) if share.has_enough else ""
    return {
        "label": label,
        "value": value,
        "note": " · ".join(one for one in (note, further) if one),
        "tone": "unknown" if share.rate is None else "",
        "part": part,
    }
