"""Documents as passages: markdown is split at its second-level headings. Reads files, no store."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from store.errors import BadInput

TYPES = (".md", ".txt")
MAX_BYTES = 2_000_000
MAX_PASSAGE_CHARS = 4_000
_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADING = re.compile(r"^(#{1,2})\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A piece of a document; `source` is `refunds.md#duplicate-charges`, unique in a store."""

    source: str
    document: str
    title: str
    text: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of what can be found: title and text."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a path gave: passages, and the files that could not be used with the reason."""

    passages: list[NewPassage] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)


def read(path: Path) -> Reading:
    """Read a .md or .txt file, or every such file below a folder; bad files are named, not fatal.

    Raises BadInput when the path does not exist or holds nothing of these types.
    """
    if not path.exists():
        raise BadInput(f"`{path}` does not exist. Give a .md or .txt file, or a folder of them.")
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    wanted = [file for file in files if file.suffix.lower() in TYPES]
    if not wanted:
        raise BadInput(f"`{path}` holds no .md or .txt file, so there is nothing to index.")
    reading = Reading()
    for file in wanted:
        found, problem = _read_file(file, file.relative_to(folder).as_posix())
        reading.passages.extend(found)
        if problem:
            reading.refused.append((file, problem))
    return reading


def _read_file(file: Path, document: str) -> tuple[list[NewPassage], str]:
    try:
        if file.stat().st_size > MAX_BYTES:
            return [], f"larger than {MAX_BYTES // 1_000_000} MB"
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [], "not UTF-8 text"
    except OSError as error:
        return [], str(error.strerror)
    passages = split(text, document)
    return passages, "" if passages else "empty"


def split(text: str, document: str) -> list[NewPassage]:
    """Split a document at `##`; what stands before the first one is titled like the document."""
    clean = text.replace("\0", "").replace("\r\n", "\n")
    is_markdown = document.lower().endswith(".md")
    passages: list[NewPassage] = []
    used: Counter[str] = Counter()
    for title, body in _sections(clean, Path(document).stem, is_markdown):
        for part in _bounded(body):
            slug = slugify(title)
            used[slug] += 1
            anchor = slug if used[slug] == 1 else f"{slug}-{used[slug]}"
            passages.append(NewPassage(f"{document}#{anchor}", document, title, part))
    return passages


def slugify(title: str) -> str:
    """Return the title as a URL fragment: lower case, words joined by hyphens."""
    plain = unicodedata.normalize("NFKC", title).lower()
    return "-".join(re.findall(r"\w+", plain)) or "section"


def _sections(text: str, title: str, is_markdown: bool) -> Iterator[tuple[str, str]]:
    """Yield (title, body) by heading; a `#` inside a code fence is no heading."""
    lines: list[str] = []
    is_fenced = False
    for line in text.split("\n"):
        is_fenced = is_fenced != bool(_FENCE.match(line))
        heading = _HEADING.match(line) if is_markdown and not is_fenced else None
        if heading is None:
            lines.append(line)
            continue
        yield title, "\n".join(lines).strip()
        title, lines = heading.group(2) or title, []
    yield title, "\n".join(lines).strip()


def _bounded(body: str) -> Iterator[str]:
    """Yield the body in pieces of at most 4,000 characters, cut between paragraphs if possible."""
    while len(body) > MAX_PASSAGE_CHARS:
        cut = body.rfind("\n\n", 1, MAX_PASSAGE_CHARS)
        cut = cut if cut > 0 else body.rfind(" ", 1, MAX_PASSAGE_CHARS)
        cut = cut if cut > 0 else MAX_PASSAGE_CHARS
        yield body[:cut].strip()
        body = body[cut:].strip()
    if body:
        yield body
