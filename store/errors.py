"""What can go wrong, as types whose message is written for the person who reads it.

Each message says what happened, what it means and what to do next. Pages and commands print
`str(error)`; nothing else may invent wording for these cases.
"""


class GreenlightError(Exception):
    """Base of every expected failure; its text is fit for a person."""


class NotFound(GreenlightError):
    """The thing named does not exist in this store."""


class BadInput(GreenlightError):
    """What was given cannot be used; nothing was written."""


class NotAllowed(GreenlightError):
    """The person's role does not cover this act; nothing was written."""


class SignedOut(GreenlightError):
    """The sign-in behind this page has ended, or is somebody else's; nothing was written."""


class IllegalTransition(GreenlightError):
    """The state does not allow this move; nothing was written."""


class AlreadyDecided(GreenlightError):
    """Somebody else's decision came first; yours was not recorded."""

    def __init__(self, message: str, *, by: str, verdict: str) -> None:
        super().__init__(message)
        self.by = by
        self.verdict = verdict


class StaleReview(GreenlightError):
    """The draft, its payload or the policy moved after the card was shown; look again."""


class StalePolicy(GreenlightError):
    """Another policy came into force after the one that this was compared with; look again."""


class QueueFull(GreenlightError):
    """So many runs wait that no more are taken in; of this batch, `fits` still would be."""

    def __init__(self, message: str, *, bound: int, fits: int) -> None:
        super().__init__(message)
        self.bound = bound
        self.fits = fits


class LeaseLost(GreenlightError):
    """Another worker owns this run; whatever was about to be written is refused."""


class UndoTooLate(GreenlightError):
    """The undo window has closed or delivery has begun; reverse the action instead."""


class StoreUnavailable(GreenlightError):
    """The database cannot be opened or written (folder, disk, version)."""


class ReadOnly(StoreUnavailable):
    """The disk is full: what was asked was not recorded; everything recorded can still be read."""


class DatabaseMissing(StoreUnavailable):
    """The database's file has gone from under a running process; no new, empty one is made."""


class NotKept(GreenlightError):
    """A backup or restore was given up; what was there before is untouched."""
