"""Shares as the store's own sentences say them."""

import pytest

from store.phrases import percent


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.02, "2 %"),
        (0.005, "0.5 %"),
        (0.95, "95 %"),
        (0.0333, "3.33 %"),
        (1 / 3, "33.3 %"),
        (0.9999, "99.99 %"),
        (0.12345, "12.345 %"),
        (0.99996123, "99.996 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
    ],
)
def test_a_share_is_said_with_the_digits_it_has(share: float, said: str) -> None:
    assert percent(share) == said
