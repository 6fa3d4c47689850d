"""`python -m agents.cli`: how the supervisor starts workers with its own interpreter."""

from agents.cli import main

main()
