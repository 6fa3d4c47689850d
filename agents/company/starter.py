"""`greenlight init`: a commented company to fill in. Refuses to overwrite anything."""

from importlib.resources import files
from pathlib import Path

from agents.company.mistakes import FILE_NAME
from store.errors import BadInput

_STARTER = "starter.toml"
_DOCUMENT = "starter.md"


def init(folder: Path) -> list[Path]:
    """Write a starter company into `folder` and return the files; raise BadInput if one exists."""
    written = {
        folder / FILE_NAME: _text(_STARTER),
        folder / "documents" / "example.md": _text(_DOCUMENT),
    }
    for path in written:
        if path.exists():
            raise BadInput(
                f"`{path}` exists already; nothing was written."
                " Choose an empty folder, or edit what is there and run `greenlight check`."
            )
    try:
        for path, text in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"`{folder}` cannot be written ({error.strerror}). Choose another folder."
        ) from error
    return list(written)


def _text(name: str) -> str:
    return files("agents.company").joinpath(name).read_text(encoding="utf-8")
