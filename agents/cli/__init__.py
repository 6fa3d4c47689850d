"""The `greenlight` command: a file per group of commands, heavy imports inside the commands.

With `--json` stdout carries exactly one JSON document; everything that is not the answer goes to
stderr. Exit code 0 is done, 1 failed, 2 wrong usage.
"""

from agents.cli.root import app


def main() -> None:
    """Run the command line; the console script's entry point."""
    app(prog_name="greenlight")


__all__ = ["app", "main"]
