"""What cldeblur says to its user when something cannot be done."""

from typing import Literal


class Refused(ValueError):
    """A user's mistake, told in one sentence that names the key or the file.

    Raised before work begins. The command prints it as ``cldeblur: <sentence>`` and exits with 2.
    """


class Failed(RuntimeError):
    """Work was begun and cannot be finished, for a reason that needs no traceback; the command exits with 1.

    Attributes:
        status: what the run's record says of its end.
    """

    status: Literal["failed", "diverged"] = "failed"
