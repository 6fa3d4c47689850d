"""Figures as sentences of the store say them: reasons, refusals, alarms. Pure."""

NOBODY_CHECKS = "Nobody checks what was sent alone. This figure cannot be known."
_SHORT = len("99.999")


def percent(share: float) -> str:
    """Return a share as people read it: as it was given if that is short, else three digits.

    What is not all of it is never said as 100 %.

    Examples
    --------
    >>> percent(0.02), percent(0.005), percent(1 / 3), percent(0.9999)
    ('2 %', '0.5 %', '33.3 %', '99.99 %')
    """
    exact = f"{100 * share:.10g}"
    if len(exact) <= _SHORT:
        return f"{exact} %"
    rounded = (f"{100 * share:.{digits}g}" for digits in range(3, 11))
    return f"{next(one for one in rounded if one != '100')} %"


def why_unknown(sent: int, drawn: int) -> str:
    """Return why it is not known how much of what was sent alone was wrong, with none judged."""
    if not sent:
        return "Nothing was sent alone."
    if not drawn:
        return NOBODY_CHECKS
    return f"{drawn} drawn for an audit, none judged yet. Until then: unknown."
