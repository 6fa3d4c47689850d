"""Addresses for notifications: read from one variable, and never said aloud."""

import pytest

from agents.addresses import Addresses

# Apprise loads `imghdr`, which Python 3.13 no longer has, for a service we do not use
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.mark.parametrize(
    ("urls", "usable"),
    [
        ("", 0),
        ("  , ", 0),
        ("json://localhost/a", 1),
        ("json://localhost/a, json://localhost/b", 2),
        ("json://localhost/a,json://localhost/b jsons://localhost/c\nxml://localhost", 4),
        ("mailtos://me:pw@example.test?to=a@example.test,b@example.test json://localhost", 2),
    ],
)
def test_addresses_are_separated_by_commas_or_spaces(urls: str, usable: int) -> None:
    found = Addresses.of(urls)
    assert (len(found), found.mistakes) == (usable, ())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slak://s3cret/t0ken", "begins with `slak:`"),
        ("slack://s3cret", "begins with `slack:`"),
        ("s3cret-t0ken", "Address 2 of GREENLIGHT_NOTIFY_URLS is none"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_number_only(
    url: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = Addresses.of(f"json://localhost/a {url}")
    assert len(found) == 1, "the others are used"
    (mistake,) = found.mistakes
    assert shown in mistake
    assert "s3cret" not in mistake + caplog.text
    assert "t0ken" not in mistake + caplog.text
