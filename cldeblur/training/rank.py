"""The other ranks of a distributed run: `python -m cldeblur.training.rank RUN_DIRECTORY`."""

import logging
import sys
import traceback
from pathlib import Path

from cldeblur.launching import LOG_FILE
from cldeblur.stopping import Interrupted
from cldeblur.training.module import Diverged
from cldeblur.training.run import train_rank


def main(directory: str) -> None:
    """Take part in the run in `directory`.

    Where the run ends early for a reason that all ranks share, the first rank reports it. What this rank alone
    stumbles over is written into the run's log, and its exit code tells the first rank.
    """
    logging.getLogger("cldeblur").setLevel(logging.CRITICAL)
    try:
        train_rank(Path(directory))
    except (Interrupted, Diverged):
        return
    except Exception:
        with (Path(directory) / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
