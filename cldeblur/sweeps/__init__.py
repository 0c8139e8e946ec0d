"""From one command to its jobs: expansion, the checks before the first one starts, names, what is done already."""
