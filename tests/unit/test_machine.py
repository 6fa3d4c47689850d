"""What `doctor` thinks of disks and file systems, by the figures alone."""

from pathlib import Path

import pytest

from agents.cli.machine import judge_file_system, judge_space

MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
files:/home /mnt/files nfs4 rw 0 0
//nas/share /mnt/the\\040nas cifs rw 0 0
/dev/vdb /mnt/files/disk xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("free_bytes", "is_ok", "is_warning"),
    [
        (0, False, False),
        (99_999_999, False, False),
        (100_000_000, True, True),
        (999_999_999, True, True),
        (1_000_000_000, True, False),
        (10**13, True, False),
    ],
)
def test_room_is_enough_little_or_too_little(
    free_bytes: int, is_ok: bool, is_warning: bool
) -> None:
    found, said, *warning = judge_space(free_bytes)
    assert (found, bool(warning)) == (is_ok, is_warning)
    assert "free" in said.lower()


@pytest.mark.parametrize(
    ("folder", "is_ok", "words"),
    [
        ("/var/lib/greenlight", True, "ext4 at /"),
        ("/tmp/home", True, "tmpfs at /tmp"),
        ("/tmpfiles", True, "ext4 at /"),
        ("/mnt/files/home", False, "nfs4"),
        ("/mnt/the nas/home", False, "cifs"),
        ("/mnt/files/disk/home", True, "xfs at /mnt/files/disk"),
    ],
)
def test_the_innermost_mount_decides(folder: str, is_ok: bool, words: str) -> None:
    found, said = judge_file_system(Path(folder), MOUNTS)[:2]
    assert found is is_ok
    assert words in said
    assert is_ok or "GREENLIGHT_HOME" in said


def test_a_table_that_says_nothing_accuses_nobody() -> None:
    assert judge_file_system(Path("/home"), "") == (True, "unknown at /")
