"""Why a card is here: each frozen reason with how far it is over its limit. Pure."""

from store.money import Money
from store.outputs import Reason

_CONFIDENCE = "confidence_below_threshold"
_DOUBTS = {"critic_objects", "doubtful_evidence"}


def chips(reasons: tuple[Reason, ...], currency: str, *, is_blocked: bool) -> list[dict[str, str]]:
    """Return the reasons as chips: text, margin in the reason's own unit, tone."""
    return [
        {
            "text": reason.message,
            "margin": margin(reason, currency),
            "tone": _tone(reason, is_blocked=is_blocked),
        }
        for reason in reasons
    ]


def margin(reason: Reason, currency: str) -> str:
    """Return value minus limit, signed: `−0.06` for confidence, `+€20.00` for money."""
    if reason.margin is None:
        return ""
    if reason.code == _CONFIDENCE:
        return f"{reason.margin:+.2f}".replace("-", "\u2212")
    sign = "\u2212" if reason.margin < 0 else "+"
    return f"{sign}{Money(abs(round(reason.margin)), currency)}"


def _tone(reason: Reason, *, is_blocked: bool) -> str:
    if is_blocked and reason.code != _CONFIDENCE:
        return "red"
    return "violet" if reason.code in _DOUBTS else "orange"
