"""What of the queue is shown, as the address bar says it. Pure.

A value that means nothing is ignored, never an error: addresses are typed, cut and passed on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from store.money import decimals
from store.reports.wanted import Wanted, Whose
from store.transitions import BLIND, ReviewKind

TABS = ("escalations", "audits")
KINDS = {"audits": BLIND, "escalations": frozenset(ReviewKind) - BLIND}
REASONS = {
    "confidence_below_threshold": "Confidence too low",
    "uncalibrated": "Not calibrated yet",
    "out_of_scope": "Fits no intent",
    "always_person": "Always for a person",
    "daily_cap": "Daily cap",
    "two_people": "Takes two people",
    "critic_objects": "The critic objects",
    "doubtful_evidence": "Doubtful evidence",
}
MAX_TEXT = 100
_CODE = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(frozen=True, slots=True)
class Filters:
    """The choice of one person; the default is everything that waits."""

    tab: str = TABS[0]
    search: str = ""
    intent: str = ""
    kind: str = ""
    reason: str = ""
    above: int = 0  # whole units of money; 0: any amount
    whose: Whose = Whose.ALL
    overdue: bool = False
    snoozed: bool = False

    @property
    def is_any(self) -> bool:
        """Whether something is left out besides the other tab."""
        return self != Filters(tab=self.tab)

    def wanted(self, currency: str) -> Wanted:
        """Return what to ask the store for."""
        return Wanted(
            kinds=KINDS[self.tab],
            search=self.search,
            intent=self.intent or None,
            action_kind=self.kind or None,
            reason=self.reason or None,
            above_minor=self.above * 10 ** decimals(currency) if self.above else None,
            whose=self.whose,
            is_overdue=self.overdue,
            is_snoozed=self.snoozed,
        )

    def query(self) -> dict[str, str]:
        """Return what stands in the address bar: only what differs from the default."""
        said = {
            "tab": self.tab if self.tab != TABS[0] else "",
            "search": self.search,
            "intent": self.intent,
            "kind": self.kind,
            "reason": self.reason,
            "above": str(self.above) if self.above else "",
            "whose": str(self.whose) if self.whose is not Whose.ALL else "",
            "overdue": "1" if self.overdue else "",
            "snoozed": "1" if self.snoozed else "",
        }
        return {name: value for name, value in said.items() if value}


NAMES = frozenset(Filters.__dataclass_fields__)


def from_query(said: Mapping[str, Any]) -> Filters:
    """Return the filters of an address, leaving out what means nothing."""
    given = {name: str(said.get(name) or "").strip() for name in NAMES}
    tab, whose, above = given["tab"].lower(), given["whose"].lower(), given["above"]
    found = Filters(
        search=given["search"][:MAX_TEXT],
        intent=_code(given["intent"]),
        kind=_code(given["kind"]),
        reason=given["reason"] if given["reason"] in REASONS else "",
        above=int(above) if re.fullmatch(r"[0-9]{1,9}", above) else 0,
        overdue=given["overdue"] == "1",
        snoozed=given["snoozed"] == "1",
    )
    if tab in TABS:
        found = replace(found, tab=tab)
    return replace(found, whose=Whose(whose)) if whose in set(Whose) else found


def _code(text: str) -> str:
    return text if _CODE.fullmatch(text) else ""


def review_of(said: Mapping[str, Any]) -> int | None:
    """Return the review that an address opens, None if it names none."""
    number = str(said.get("review") or "")
    return int(number) if re.fullmatch(r"[0-9]{1,15}", number) else None
