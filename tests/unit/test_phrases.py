"""Shares as the store's own sentences say them."""

import pytest

from store.phrases import percent


@pytest.mark.parametrize(
    ("share", "said"), [(0.02, "2 %"), (0.005, "0.5 %"), (0.95, "95 %"), (0.0333, "3.33 %")]
)
def test_a_share_is_said_with_the_digits_it_has(share: float, said: str) -> None:
    assert percent(share) == said
