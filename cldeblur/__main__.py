"""`python -m cldeblur` is the same as `cldeblur`."""

import sys

from cldeblur.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
