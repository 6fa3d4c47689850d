"""A policy as a file: JSON as `policy show --json` prints it under `policy`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from store.errors import BadInput

if TYPE_CHECKING:
    from store.gate import PolicyBody

Manager = Annotated[str, typer.Option("--as", metavar="NAME", help="A manager or admin.")]


def policy_from(file: Path) -> "PolicyBody":
    """Read a whole policy; raise BadInput with the wrong place in words."""
    return validated(rules_from(file))


def rules_from(file: Path) -> dict[str, Any]:
    """Read the rules of a policy, not yet checked."""
    try:
        body = json.loads(file.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise BadInput(f"`{file}` is not a policy in JSON: it is nested too deeply.") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"`{file}` is not a policy in JSON: {error}") from None
    if isinstance(body, dict) and isinstance(body.get("policy"), dict):
        body = body["policy"]
    if not isinstance(body, dict):
        raise BadInput(f"`{file}` is not a JSON object, so it is no policy.")
    return body


def validated(body: dict[str, Any]) -> "PolicyBody":
    """Check the rules of a policy; raise BadInput with the wrong place in words."""
    from pydantic import ValidationError

    from store.gate import PolicyBody

    try:
        return PolicyBody.model_validate(body)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise BadInput(
            f"The policy cannot be used: `{place}`: {wrong['msg']}. Nothing was changed."
        ) from None
