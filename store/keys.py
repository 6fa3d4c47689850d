"""The keys in `$GREENLIGHT_HOME/keys/`: the audit chain's, and the pair that signs decisions.

The private half is read only by a process that may decide (dashboard, CLI); the executor verifies
with the public half alone. Files are made on first use, readable by their owner only.
"""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from store.errors import NotAllowed, StoreUnavailable

AUDIT = "audit.key"
SIGNING = "decisions.key"
VERIFYING = "decisions.pub"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keyring:
    """What one process holds. `signing` is None where nobody decides."""

    audit: bytes
    signing: Ed25519PrivateKey | None
    verifying: Path

    def sign(self, message: bytes) -> str:
        """Return the signature (hex) over a decision; raise NotAllowed without the private key."""
        if self.signing is None:
            raise NotAllowed(
                "This process holds no signing key, so it cannot record decisions."
                " Decide in the dashboard or with `greenlight decide`."
            )
        return self.signing.sign(message).hex()

    def is_signed(self, message: bytes, signature: str | None) -> bool:
        """Return whether the signature is the private key's over exactly this message."""
        try:
            public = Ed25519PublicKey.from_public_bytes(self.verifying.read_bytes())
            public.verify(bytes.fromhex(signature or ""), message)
        except (OSError, ValueError, InvalidSignature):
            return False
        return True


def open_keys(
    folder: Path, *, signing: Path | None = None, verifying: Path | None = None, may_decide: bool
) -> Keyring:
    """Read the keys this process may hold, making them on first use; raise StoreUnavailable."""
    public = verifying or folder / VERIFYING
    private = _signing_key(signing or folder / SIGNING, public) if may_decide else None
    return Keyring(audit=_secret(folder / AUDIT), signing=private, verifying=public)


def _signing_key(path: Path, public: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.from_private_bytes(_secret(path))
    wanted = key.public_key().public_bytes_raw()
    if not public.exists():
        fresh = public.with_name(f"{public.name}.{os.getpid()}")
        fresh.write_bytes(wanted)
        fresh.replace(public)
    elif public.read_bytes() != wanted:
        raise StoreUnavailable(
            f"`{public}` does not belong to `{path}`, so the executor would refuse every decision"
            " made here. Restore the pair from a backup."
        )
    return key


def _secret(path: Path) -> bytes:
    """Read 32 secret bytes, making them on first use; only the owner may read them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder `{path.parent.parent}` cannot be written ({error.strerror})."
            " Greenlight keeps all its state there: make it writable, or set GREENLIGHT_HOME."
        ) from error
    key = secrets.token_bytes(_KEY_BYTES)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def _read(path: Path) -> bytes:
    for _ in range(200):  # another process may have created it and not yet written
        key = path.read_bytes()
        if len(key) == _KEY_BYTES:
            return key
        time.sleep(0.005)
    raise StoreUnavailable(f"`{path}` is not a key ({_KEY_BYTES} bytes). Restore it from a backup.")
