"""The house rules that a machine can check: who imports whom, module names, sizes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_import_contract_is_kept() -> None:
    result = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_no_file_and_no_function_is_over_its_hard_limit() -> None:
    result = run(".ci/limits.py")
    assert result.returncode == 0, result.stdout


def test_no_module_of_the_dashboard_hides_another() -> None:
    """`streamlit run` puts this folder first on sys.path, where a name shadows the real module."""
    taken = {*sys.stdlib_module_names, "store", "agents", "dashboard", "pages"}
    names = {path.stem for path in (ROOT / "dashboard").iterdir() if not path.stem.startswith("_")}
    assert not names & taken


def test_tests_have_no_packages_which_would_shadow_ours() -> None:
    assert not [*ROOT.glob("tests/**/__init__.py")]


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "misc", "common"])
def test_no_module_is_named_for_nothing_in_particular(word: str) -> None:
    folders = ("store", "agents", "dashboard", "tests")
    modules = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert not [path for path in modules if path.stem == word]
