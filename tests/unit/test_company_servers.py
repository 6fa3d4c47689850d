"""How a company names its tool servers: by command or by URL, and without a secret in the file."""

from pathlib import Path

import pytest
import small_company as small

from agents.company import check, load

COMMAND = 'command = ["{python}", "server.py"]'
URL = 'url = "https://tools.example.com/mcp"'


def with_server(folder: Path, lines: str) -> Path:
    assert COMMAND in small.TOML
    return small.write(folder, small.TOML.replace(COMMAND, lines, 1))


def test_a_server_may_be_reached_by_its_url_with_headers(tmp_path: Path) -> None:
    lines = f'{URL}\nheaders = {{ Authorization = "Bearer {{env:SHOP_TOKEN}}", X-Tenant = "shop" }}'
    server = load(with_server(tmp_path, lines)).servers[0]
    assert (server.url, server.command) == ("https://tools.example.com/mcp", [])
    assert server.headers["Authorization"] == "Bearer {env:SHOP_TOKEN}"


@pytest.mark.parametrize(
    ("lines", "words", "line"),
    [
        (f"{COMMAND}\n{URL}", "either `command = [...]`", -2),
        ("", "either `command = [...]`", -2),
        ("command = []", "at least one", 0),
        (f'{URL}\nenv = {{ A = "b" }}', "`env` is for a server that is started", 1),
        (f'{COMMAND}\nheaders = {{ A = "b" }}', "`headers` are for a server that is reached", 1),
        ('url = "tools.example.com/mcp"', "is not an address such as", 0),
        ('url = "ftp://tools.example.com/mcp"', "is not an address such as", 0),
        ('url = "https://me:pw@tools.example.com/mcp"', "a login goes into `headers`", 0),
        (f'{URL}\nheaders = {{ Authorization = "Bearer abc" }}', "never stands in this file", 1),
        (f'{URL}\nheaders = {{ X-Api-Key = "abc" }}', "never stands in this file", 1),
        (f'{URL}\nheaders = {{ X-Tenant = "{{env:}}" }}', "must match", 1),
        (f'{URL}\nheaders = {{ X-Tenant = "a\\nb" }}', "must match", 1),
        (f'{URL}\nheaders = {{ "X Tenant" = "a" }}', "must match", 1),
    ],
)
def test_a_server_that_cannot_be_reached_as_written_is_a_mistake(
    tmp_path: Path, lines: str, words: str, line: int
) -> None:
    found = check(with_server(tmp_path, lines))
    first = 1 + small.TOML[: small.TOML.index(COMMAND)].count("\n")
    assert [one.line - first for one in found if words in one.message] == [line], found
