"""When the demo's customers write in: in office hours, and more after a weekend. Pure."""

from datetime import datetime, timedelta
from random import Random

_HOURS = (  # tickets by hour of the day, from midnight
    *(0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 1.0, 2.0, 3.0, 3.2, 3.0),
    *(2.2, 2.5, 2.8, 2.8, 2.6, 2.2, 1.8, 1.6, 1.5, 1.1, 0.7, 0.4),
)
_WEEKDAYS = (1.3, 1.1, 1.0, 1.0, 1.0, 0.6, 0.5)  # Monday first


def moments(rng: Random, count: int, start: datetime, end: datetime) -> list[datetime]:
    """Return `count` moments between the two times, oldest first."""
    hours = [
        start + timedelta(hours=hour)
        for hour in range(max(1, int((end - start).total_seconds() // 3600)))
    ]
    weights = [_HOURS[hour.hour] * _WEEKDAYS[hour.weekday()] for hour in hours]
    chosen = rng.choices(hours, weights, k=count)
    return sorted(hour + timedelta(seconds=rng.randint(0, 3_599)) for hour in chosen)
