"""The threshold slider with all that hangs on it, redrawn in the browser at every move.

Everything it can show is prepared per threshold; Python hears of a move once it is released.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard import session, words
from dashboard.components.costs import (
    Costs,
    amount,
    bill,
    number,
    signed,
    span,
    wrong_said,
)
from dashboard.components.custom import register
from dashboard.trying import Tried
from store.evidence.rare_errors import WrongRate
from store.past import ALL
from store.phrases import NOBODY_CHECKS
from store.reports.policy import CurvePoint
from store.reports.recommending import Recommendation

_SLIDER = register("threshold")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the slider is about."""

    tried: Tried
    found: Recommendation  # for the promise that somebody chose
    active: float  # the threshold in force
    value: float  # where it stands
    costs: Costs
    currency: str
    stopped: frozenset[str]  # kinds whose promise is suspended


def threshold(shown: Shown, *, key: str, jumps: int, moved: Callable[[float], None]) -> None:
    """Draw the slider; `moved` hears where it was released; new `jumps` put it on `value`."""

    def heard() -> None:
        said = session.sent(key, "threshold")
        known = [point.threshold for point in shown.tried.points]
        if isinstance(said, int | float):
            moved(min(known, key=lambda each: abs(each - said)))

    _SLIDER(key=key, data={**slider_data(shown), "jumps": jumps}, on_threshold_change=heard)


def slider_data(shown: Shown) -> dict[str, Any]:
    """Return what the slider draws: a point for each threshold, strictest first. Pure."""
    points = list(zip(shown.tried.points, shown.tried.flips, strict=True))[::-1]
    places = {point.threshold: place for place, (point, _) in enumerate(points)}
    return {
        "now": _now(shown, *points[places[shown.active]]),
        "points": [_point(shown, point, flips) for point, flips in points],
        "labels": [label for label, _ in LABELS],
        "tips": [tip for _, tip in LABELS],
        "active": places[shown.active],
        "value": places[shown.value],
        "limit": shown.found.promise.max_error,
        "isStopped": _is_stopped(shown),
        "limitSaid": f"{limit(shown.found.promise.max_error)} wrong",
        "unknown": _unknown(shown.found, shown.tried.points),
    }


_RANGE = (
    "Measured on audited drafts, times what goes out alone a day. Anytime-valid range"
    " (beta-binomial confidence sequence, 95 %): it may be looked at as often as you like."
)
_WORTH = (
    "Work saved beside a person looking at every draft, less what wrong ones cost, on your assumed"
    " costs. What people get wrong themselves is not counted."
)
LABELS = (
    ("Sent alone", "Of past drafts. Counted."),
    ("Cards a day", "What people would look at: stopped drafts, and audits. Counted."),
    ("Errors sent a day", _RANGE),
    ("Money at risk a day", "All that would have moved with nobody looking. Counted."),
    ("Work a day", "Cards times your minutes per card. Assumed, not measured."),
    ("Worth a day", _WORTH),
)


def limit(share: float) -> str:
    """Return a promised share as it is said: `2 %`, `0.5 %`."""
    return f"{100 * share:.3g} %"


def said_at(found: Recommendation, point: CurvePoint) -> str:
    """Return what is known of a threshold, in one or two sentences. Pure."""
    share = words.percent(point.automatic_share, 0)
    about = "drafts" if found.kind == ALL else f"drafts ({words.kind(found.kind)})"
    head = f"At {level(point.threshold)} about {share} of {about} go out alone."
    return f"{head} {_worth(found, point)}"


def _is_stopped(shown: Shown) -> bool:
    return not shown.stopped.isdisjoint({ALL, shown.found.kind})


def _said(shown: Shown, point: CurvePoint) -> str:
    said = said_at(shown.found, point)
    if _is_stopped(shown):
        return (
            "Suspended: none of it goes out alone until a manager reopens the promise."
            f" Otherwise: {said[:1].lower()}{said[1:]}"
        )
    if shown.found.kind == ALL and shown.stopped:
        which = ", ".join(words.kind(name) for name in sorted(shown.stopped))
        return f"Suspended, all to a person: {which}. {said}"
    return said


def is_certified(found: Recommendation, threshold: float) -> bool:
    """Return whether the promise was tested at this threshold, and holds. Pure."""
    return found.certified.holds_at(threshold)


def is_stricter(found: Recommendation, threshold: float) -> bool:
    """Return whether the threshold is stricter than any certified one, so never tested. Pure."""
    return found.threshold is not None and threshold > found.certified.start


def level(threshold: float) -> str:
    """Return a threshold as it is said: `0.93`, `0.992`."""
    return f"{threshold:.2f}" if round(threshold, 2) == threshold else f"{threshold:.10g}"


def _worth(found: Recommendation, point: CurvePoint) -> str:
    best, wrong = found.certified, point.wrong
    if is_certified(found, point.threshold):
        return (
            f"With {words.percent(best.assurance, 0)} assurance at most {limit(best.max_error)} of"
            f" them are wrong, if tickets stay like the {words.count(found.judged)}"
            f" audited{_period(found)}."
        )
    if found.rate is None:
        return NOBODY_CHECKS
    if is_stricter(found, point.threshold):
        return (
            f"Stricter than {level(best.start)}, where testing for {limit(best.max_error)} began,"
            f" so it is not promised here. {_measured(wrong)}."
        )
    measured = _measured(wrong)
    return f"Not certified for {limit(best.max_error)}: {measured[:1].lower()}{measured[1:]}."


def _measured(wrong: WrongRate) -> str:
    if not wrong.labelled:
        return "None of them was audited"
    if not wrong.has_enough:
        return f"{wrong.wrong} wrong of {wrong.labelled} audited, too few for a rate"
    return f"Measured {words.percent(wrong.rate)}, could be {words.percent(wrong.high)}"


def _period(found: Recommendation) -> str:
    if found.since is None or found.until is None:
        return ""
    return f" from {words.days(found.since.date(), found.until.date())}"


def _unknown(found: Recommendation, points: tuple[CurvePoint, ...]) -> str:
    """Return why there is no curve, nothing where there is one."""
    if any(point.wrong.has_enough for point in points):
        return ""
    if found.rate is None:
        return NOBODY_CHECKS
    most = max((point.wrong.labelled for point in points), default=0)
    return f"{most} of these drafts are labelled: too few for a rate."


def _point(shown: Shown, point: CurvePoint, flips: tuple[int, int]) -> dict[str, Any]:
    wrong = point.wrong
    to_alone, to_person = flips
    return {
        "t": point.threshold,
        "name": level(point.threshold),
        "share": point.automatic_share,
        "rate": wrong.rate if wrong.has_enough else None,
        "low": wrong.low,
        "high": wrong.high,
        "ok": is_certified(shown.found, point.threshold),
        "stricter": is_stricter(shown.found, point.threshold),
        "said": _said(shown, point),
        "flips": f"{words.count(to_alone)} to alone, {words.count(to_person)} to a person",
        "figures": _figures(shown, point),
    }


def _now(shown: Shown, unmoved: CurvePoint, flips: tuple[int, int]) -> dict[str, Any]:
    """Return the policy in force by its own rules, shown beside the candidate where they differ."""
    now = shown.tried.now
    assert now is not None  # something was gated, or there is no slider
    figures = _figures(shown, now)
    return {
        "share": now.automatic_share,
        "figures": figures,
        "isShown": any(flips) or figures != _figures(shown, unmoved),
    }


def _figures(shown: Shown, point: CurvePoint) -> list[list[str]]:
    """Return value and hint of each label, in their order."""
    trial = shown.tried.trial
    gated, day = trial.gated, bill(point, trial.gated, trial.history.days, shown.costs)
    return [
        [
            words.percent(point.automatic_share),
            f"{words.count(point.automatic)} of {words.count(gated)}",
        ],
        [number(point.cards_per_day), "audits among them"],
        wrong_said(point.wrong, day.wrong),
        [amount(point.money_per_day_minor, shown.currency), "all that moves alone"],
        [f"{number(day.hours, below=100)} h", ""],
        [signed(day.net_minor.value, shown.currency), span(day.net_minor, shown.currency)],
    ]
