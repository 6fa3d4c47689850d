"""A company is a folder: `greenlight.toml`, documents, tool servers.

This package reads such a folder, names every mistake in it with its line, and writes a new one to
fill in. It never starts a tool server and never writes to the store.
"""

from agents.company.check import check
from agents.company.load import load
from agents.company.mistakes import FILE_NAME, CompanyMistakes, Mistake
from agents.company.model import Company, Decision, Intent, Lookup, ToolServer, WriteTool
from agents.company.registration import facts
from agents.company.starter import init

__all__ = [
    "FILE_NAME",
    "Company",
    "CompanyMistakes",
    "Decision",
    "Intent",
    "Lookup",
    "Mistake",
    "ToolServer",
    "WriteTool",
    "check",
    "facts",
    "init",
    "load",
]
