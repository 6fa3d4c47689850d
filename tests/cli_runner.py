"""Runs the command line in this process, as tests need it."""

import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from agents.cli import app


def greenlight(*arguments: object, stdin: str | bytes = "", code: int = 0) -> Any:
    """Run `greenlight ARGUMENTS`; require the exit code and return the result."""
    result = CliRunner().invoke(app, [str(part) for part in arguments], input=stdin)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def document(*arguments: object, stdin: str | bytes = "", code: int = 0) -> Any:
    """Run with `--json` and return the one document on stdout."""
    return json.loads(greenlight(*arguments, "--json", stdin=stdin, code=code).stdout)


__all__ = ["Result", "document", "greenlight"]
