"""The panel for many cards at once, in place of the card: groups, a sample in full, a check."""

from collections.abc import Callable, Mapping
from typing import Any

from dashboard import batch, session, words
from dashboard.components.custom import register
from dashboard.worklist import Batch, sample
from store.bulk import MAX_BATCH, BulkItem
from store.reports import card as cards
from store.reports.card import Card
from store.schema import Company
from store.transitions import Verdict

_PANEL = register("bulk_panel")
KEY = "bulk_panel"


def bulk_panel(planned: Batch, company: Company, *, is_filtered: bool, total: int) -> None:
    """Draw the panel; `total` is how many cards the list has, of which a batch takes the first."""
    chosen = sample(planned.items)
    shown = [_in_full(session.read(cards.card, item.review_id)) for item in chosen]

    def told(trigger: str, act: Callable[[Any], None], kind: Any) -> Callable[[], None]:
        def heard() -> None:
            said = session.sent(KEY, trigger)
            if isinstance(said, kind):
                act(said)

        return heard

    _PANEL(
        key=KEY,
        data=panel_data(planned, company, shown, is_filtered=is_filtered, total=total),
        on_switch_change=told("switch", batch.switch, str),
        on_choose_change=told("choose", lambda said: batch.choose(int(said)), float | int),
        on_close_change=batch.close,
        on_confirm_change=told("confirm", batch.confirm, Mapping),
    )


def panel_data(
    planned: Batch,
    company: Company,
    shown: list[dict[str, str]],
    *,
    is_filtered: bool,
    total: int,
) -> dict[str, Any]:
    """Return what the panel shows. Pure."""
    return {
        "batch": planned.batch_id,
        "verdict": str(planned.verdict),
        "chosen": planned.chosen,
        "groups": [
            {"title": group.title, "count": len(group.items), "money": _total(group.items)}
            for group in planned.plan.groups
        ],
        "scope": _scope(total),
        "count": len(planned.items),
        "money": _total(planned.items),
        "items": [
            {
                "id": item.review_id,
                "title": item.title,
                "money": words.money(item.amount_minor, item.currency),
            }
            for item in planned.items
        ],
        "sample": shown,
        "leftOut": [[why, count] for why, count in planned.plan.left_out],
        "reasons": [
            {"code": reason["code"], "title": reason["title"]} for reason in company.reject_reasons
        ],
        "needsFilter": planned.verdict is Verdict.REJECT and not is_filtered,
    }


def _scope(total: int) -> str:
    if total <= MAX_BATCH:
        return ""
    return f"The first {MAX_BATCH} of {words.count(total)} cards; the others stay as they are."


def _total(items: tuple[BulkItem, ...]) -> str:
    sums: dict[str, int] = {}
    for item in items:
        if item.amount_minor is not None and item.currency is not None:
            sums[item.currency] = sums.get(item.currency, 0) + item.amount_minor
    return " + ".join(words.money(amount, currency) for currency, amount in sums.items())


def _in_full(card: Card) -> dict[str, str]:
    action = card.draft.action
    args = ", ".join(f"{name} {words.exact(value)}" for name, value in action.args.items())
    return {
        "title": f"{card.title} · #{card.review_id}",
        "message": card.ticket.text,
        "reply": card.draft.reply,
        "action": "Reply only" if action.is_reply_only else f"{action.tool}: {args}",
        "money": words.money(action.total_minor, action.total_currency),
    }
