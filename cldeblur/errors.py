"""What cldeblur says to its user when something cannot be done."""


class Refused(ValueError):
    """A user's mistake, told in one sentence that names the key or the file.

    Raised before work begins. The command prints it as ``cldeblur: <sentence>`` and exits with 2.
    """
