"""The other ranks of a distributed run: `python -m cldeblur.training.rank RUN_DIRECTORY`."""

import logging
import sys
from pathlib import Path

from cldeblur.stopping import Interrupted
from cldeblur.training.module import Diverged
from cldeblur.training.run import train_rank


def main(directory: str) -> None:
    """Take part in the run in `directory`.

    Where the run ends early for a reason that all ranks share, the first rank reports it; an exit code here would
    make Lightning kill the first rank before it has written its record.
    """
    logging.getLogger("cldeblur").setLevel(logging.CRITICAL)
    try:
        train_rank(Path(directory))
    except Interrupted:
        return
    except Diverged as error:
        print(f"cldeblur: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
