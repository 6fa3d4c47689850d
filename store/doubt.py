"""Which step a waiting draft is doubtful at, for the person who looks at it. Pure."""

from collections.abc import Mapping, Sequence

from store.evidence.calibration import Stack
from store.outputs import Reason

_BY_REASON = {
    "out_of_scope": "intent",
    "doubtful_evidence": "tool_call",
    "critic_objects": "synthesis",
}
_BY_SIGNAL = {
    "tool_ok": "tool_call",
    "consistency": "tool_call",
    "entities_matched": "tool_call",
    "critic": "synthesis",
}
_LOW_CONFIDENCE = "confidence_below_threshold"


def doubtful_step(
    reasons: Sequence[Reason], signals: Mapping[str, float], stack: Stack | None
) -> str | None:
    """Return the step to look at first, or None where a rule alone sent the draft here.

    What a reason names comes first; behind a low confidence stands the signal that pulls it down
    most.
    """
    codes = [reason.code for reason in reasons]
    for code in codes:
        if code in _BY_REASON:
            return _BY_REASON[code]
    if _LOW_CONFIDENCE in codes and stack is not None:
        return _step_of(lowest_signal(signals, stack))
    return None


def lowest_signal(signals: Mapping[str, float], stack: Stack) -> str:
    """Return the signal with the most negative part in the stack's score."""
    parts = {
        name: weight * (signals.get(name, mean) - mean) / scale
        for name, mean, scale, weight in zip(
            stack.signals, stack.means, stack.scales, stack.weights, strict=True
        )
    }
    return min(parts, key=lambda name: (parts[name], name))


def _step_of(signal: str) -> str:
    return _BY_SIGNAL.get(signal, "retrieval" if signal.startswith("retrieval") else "intent")
