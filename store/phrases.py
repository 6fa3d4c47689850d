"""Figures as sentences of the store say them: reasons, refusals, alarms. Pure."""


def percent(share: float) -> str:
    """Return a share as people read it.

    Examples
    --------
    >>> percent(0.02), percent(0.005), percent(0.0333)
    ('2 %', '0.5 %', '3.33 %')
    """
    return f"{100 * share:.3g} %"
