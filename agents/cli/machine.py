"""Is this machine fit: room on the disk, a file system that locks, keys that fit together."""

import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import StoreUnavailable

if TYPE_CHECKING:
    from store.settings import Settings

Finding = tuple[bool, str] | tuple[bool, str, bool]  # is it so, what was found, only a warning

TOO_LITTLE_BYTES = 100_000_000
LITTLE_BYTES = 1_000_000_000
MOUNTS = Path("/proc/mounts")
# Locks on these are not to be trusted, and SQLite's shared memory does not reach over a network.
REMOTE = frozenset({"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}) | {
    *("smb3", "smbfs", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs")
}


def space(settings: "Settings") -> Finding:
    """Look for room where the database and the rest of the home lie."""
    folders = {settings.home, _database_folder(settings)}
    return judge_space(min(shutil.disk_usage(folder).free for folder in folders))


def judge_space(free_bytes: int) -> Finding:
    """Say whether so much room is enough."""
    found = f"{free_bytes / 1e9:.2g} GB free" if free_bytes < 1e10 else f"{free_bytes / 1e9:.0f} GB"
    if free_bytes < TOO_LITTLE_BYTES:
        return False, f"{found}: writes will soon be refused. Free at least 1 GB on that disk."
    if free_bytes < LITTLE_BYTES:
        return True, f"{found}: free some before it is under 0.1 GB, when this check fails", True
    return True, found if "free" in found else f"{found} free"


def file_system(settings: "Settings") -> Finding:
    """Look at what the database lies on."""
    if not MOUNTS.is_file():
        return True, "cannot be told on this system; it must be a local disk", True
    folder = _database_folder(settings).resolve()
    return judge_file_system(folder, MOUNTS.read_text(encoding="utf-8", errors="replace"))


def judge_file_system(folder: Path, mounts: str) -> Finding:
    """Say whether the file system that holds the folder, by the system's table, can be trusted."""
    kind, point = "", Path("/")
    for line in mounts.splitlines():
        _, where, what, *_ = (*line.split(" "), "", "", "")
        mounted = Path(where.replace("\\040", " "))
        if where and folder.is_relative_to(mounted) and len(mounted.parts) >= len(point.parts):
            kind, point = what, mounted
    if kind in REMOTE:
        trouble = f"`{folder}` lies on {kind}: locks cannot be trusted there, a write can be lost"
        return False, f"{trouble}. Move the home (GREENLIGHT_HOME) to a local disk."
    return True, f"{kind or 'unknown'} at {point}"


def keys(settings: "Settings") -> Finding:
    """Look whether the keys are there, for their owner only, and fit together."""
    from store.keys import AUDIT, SIGNING, VERIFYING

    private = settings.signing_key or settings.keys / SIGNING
    public = settings.verify_key or settings.keys / VERIFYING
    secret = [path for path in (settings.keys / AUDIT, private) if path.exists()]
    open_to_others = [path for path in secret if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_to_others:
        named = " ".join(str(path) for path in open_to_others)
        return False, f"others may read them. Do `chmod 600 {named}`"
    if not (settings.keys / AUDIT).exists():
        return True, "none yet: made on first use"
    if not private.exists():
        role = "this home verifies decisions" if public.exists() else "no decision was made yet"
        return True, f"audit key only: {role}"
    if not public.exists():
        trouble = f"`{public}` is gone, so no decision is delivered"
        return False, f"{trouble}. Start the dashboard: it writes the public half again."
    return _judge_pair(private, public)


def _judge_pair(private: Path, public: Path) -> Finding:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = Ed25519PrivateKey.from_private_bytes(private.read_bytes())
    except ValueError:
        raise StoreUnavailable(f"`{private}` is not a key. Restore it from a backup.") from None
    if key.public_key().public_bytes_raw() != public.read_bytes():
        trouble = f"`{public}` does not belong to `{private}`: the executor refuses every decision"
        return False, f"{trouble} made here. Restore the pair from a backup."
    return True, "audit key and the pair that signs decisions, readable by their owner only"


def _database_folder(settings: "Settings") -> Path:
    """Return where the database's file lies; the home, if it is no file."""
    from sqlalchemy.engine import make_url

    url = make_url(settings.url)
    is_file = url.drivername.startswith("sqlite") and url.database
    return Path(url.database or "").parent if is_file else settings.home
