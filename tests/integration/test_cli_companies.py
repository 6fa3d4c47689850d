"""`greenlight init`, `check` and `knowledge add`."""

from pathlib import Path

import pytest
from cli_runner import document, greenlight
from sqlmodel import Session, select

from store.engine import Store
from store.schema import Passage

pytestmark = pytest.mark.usefixtures("settings")


def sources(session: Session) -> list[str]:
    return sorted(session.exec(select(Passage.source)))


def test_init_writes_a_folder_that_names_what_is_left_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert "greenlight check" in greenlight("init", folder).stdout
    assert (folder / "greenlight.toml").is_file()
    assert document("check", folder) == {"ok": True, "mistakes": []}


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    assert document("init", tmp_path)["ok"] is True
    assert "exists already" in greenlight("init", tmp_path, code=1).stderr


def test_check_names_every_mistake_with_its_line(tmp_path: Path) -> None:
    greenlight("init", tmp_path)
    file = tmp_path / "greenlight.toml"
    lines = file.read_text().split("\n")
    at = next(number for number, line in enumerate(lines, 1) if line.startswith("currency"))
    lines[at - 1] = 'currency = "euros"'
    file.write_text("\n".join(lines))
    found = document("check", tmp_path, code=1)
    assert found["ok"] is False
    assert [mistake["line"] for mistake in found["mistakes"]] == [at]
    assert f"greenlight.toml:{at}: " in greenlight("check", tmp_path, code=1).stdout


def test_a_folder_without_a_company_is_a_mistake_not_a_traceback(tmp_path: Path) -> None:
    found = document("check", tmp_path, code=1)
    assert "greenlight init" in found["mistakes"][0]["message"]


def test_knowledge_is_added_once_and_replaced_by_its_newer_version(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.models.encoder.open_encoder", lambda: None)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "refunds.md").write_text("# Refunds\n\n## How long\n\nFive days.\n")
    (folder / "bad.txt").write_bytes(b"\xff\xfe\xfa")
    added = document("knowledge", "add", folder)
    assert (added["ok"], added["added"]) == (True, 1)
    assert added["refused"] == [{"path": str(folder / "bad.txt"), "error": "not UTF-8 text"}]
    assert document("knowledge", "add", folder)["unchanged"] == 1
    (folder / "refunds.md").write_text("# Refunds\n\n## How soon\n\nThree days.\n")
    assert document("knowledge", "add", folder)["removed"] == 1
    assert store.read(sources) == ["added/refunds.md#how-soon"]


def test_nothing_to_index_is_one_clear_line(tmp_path: Path) -> None:
    assert "does not exist" in greenlight("knowledge", "add", tmp_path / "no", code=1).stderr
    assert "holds no .md or .txt" in greenlight("knowledge", "add", tmp_path, code=1).stderr
