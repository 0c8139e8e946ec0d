"""Where the shipped config files are, and what groups, options and keys they offer."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def conf_folder() -> Path:
    """The folder of config files: inside the package when installed, beside it in a checkout."""
    inside = PACKAGE / "conf"
    return inside if inside.is_dir() else PACKAGE.parent / "conf"


def options(group: str) -> list[str]:
    """The shipped options of a group, by the names of their files."""
    return sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
