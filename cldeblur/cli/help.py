"""Help texts, made from the config files themselves, without starting Hydra."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cldeblur.cli.verbs import READERS, VERBS
from cldeblur.config.folder import conf_folder, options

EXAMPLES = {
    "train": (
        "cldeblur train experiment=quickstart",
        "cldeblur train experiment=gopro_cl_mimo_unet data.root=GOPRO_Large",
        "cldeblur train -m experiment=quickstart negatives=none,blurred,blend seed=1,2,3",
        "cldeblur train -m sweep=schedule experiment=gopro_cl_mimo_unet data.root=GOPRO_Large",
    ),
    "preview": (
        "cldeblur preview experiment=quickstart",
        "cldeblur preview experiment=gopro_cl_mimo_unet data.root=GOPRO_Large levels.top=0.5 finished_psnr=31.73",
    ),
    "evaluate": (
        "cldeblur evaluate checkpoint=runs/quickstart/RUN/checkpoints/last.ckpt data=gopro data.root=GOPRO_Large",
        "cldeblur evaluate backbone=identity data=folder data.root=pairs",
    ),
}
OPTIONS = (
    ("-m, --multirun", "run every combination of comma-separated values"),
    ("--cfg job", "print the composed config and do nothing"),
    ("--config-dir DIR", "a folder with config files of your own, laid out like conf/"),
    ("--hydra-help", "Hydra's own help: more options of this kind"),
)
KEY = re.compile(r"^(?P<indent> *)(?P<name>[a-z_]+):(?P<default>[^#]*)(#\s*(?P<meaning>.*))?$")
NAME_WIDTH = 31
DEFAULT_WIDTH = 22


class Key(NamedTuple):
    """A key as its file gives it: dotted name, default, and the comment behind it."""

    name: str
    default: str
    meaning: str


def overview() -> str:
    """What `cldeblur --help` prints."""
    verbs = "\n".join(f"  {name:<10}{meaning}" for name, meaning in (VERBS | READERS).items())
    return (
        "cldeblur trains image-deblurring networks with contrastive learning: in the features of a frozen VGG19 the\n"
        "restored image is pulled to the sharp one and pushed from negatives that get sharper stage by stage.\n\n"
        f"usage: cldeblur VERB [key=value …] [options]\n\nverbs:\n{verbs}\n\n"
        "`cldeblur VERB --help` lists a verb's groups and keys.\nStart here: cldeblur train experiment=quickstart"
    )


def verb_help(verb: str) -> str:
    """What `cldeblur VERB --help` prints: groups with their options, and every key with default and meaning."""
    primaries = _primaries(verb)
    chosen = {group: option for path in primaries for group, option in _defaults(path).items()}
    parts = [
        f"cldeblur {verb}: {VERBS[verb]}",
        "examples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[verb]),
    ]
    parts.append("groups (GROUP=OPTION; * is chosen when nothing else is named):\n" + "\n".join(_groups(chosen)))
    parts.append(
        "keys (KEY=VALUE; those of a group are its chosen option's):\n" + "\n".join(_all_keys(primaries, chosen))
    )
    parts.append("options:\n" + "\n".join(f"  {name:<{NAME_WIDTH}}{meaning}" for name, meaning in OPTIONS))
    return "\n\n".join(parts)


def _primaries(verb: str) -> list[Path]:
    """A verb's primary config, and those that it builds on."""
    path = conf_folder() / f"{verb}.yaml"
    below = re.findall(r"^  - (?!_self_)(\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [path, *(further for name in below for further in _primaries(name))]


def _defaults(primary: Path) -> dict[str, str]:
    """The option that a primary config chooses in each group."""
    return dict(re.findall(r"^  - (\w+): (\S+)$", primary.read_text(encoding="utf-8"), re.MULTILINE))


def _groups(chosen: dict[str, str]) -> Iterator[str]:
    for group, default in chosen.items():
        offered = ", ".join(f"{option}*" if option == default else option for option in options(group))
        yield f"  {group:<12}{offered}{'' if default in options(group) else _no_default(default)}"


def _no_default(default: str) -> str:
    return "   (one is needed)" if default == "???" else "   (none*)"


def _all_keys(primaries: Iterable[Path], chosen: dict[str, str]) -> Iterator[str]:
    """Keys of the primary configs, then those of each group: its chosen option's, and what others have besides."""
    for primary in primaries:
        yield from _lines(_keys(primary, ""))
    for group, chosen_option in chosen.items():
        if group == "experiment":
            continue
        # A sweep's keys are no section's: its file stands at the top.
        before = "" if group == "sweep" else f"{group}."
        said: set[str] = set()
        for option in sorted(options(group), key=lambda name: name != chosen_option):
            found = [key for key in _keys(conf_folder() / group / f"{option}.yaml", before) if key.name not in said]
            said |= {key.name for key in found}
            yield from _lines(found, "" if option == chosen_option else f" ({group}={option})")


def _lines(keys: Iterable[Key], remark: str = "") -> Iterator[str]:
    for key in keys:
        yield f"  {key.name:<{NAME_WIDTH}} {key.default:<{DEFAULT_WIDTH}} {key.meaning}{remark}"


def _keys(path: Path, before: str) -> Iterator[Key]:
    """The keys of one file that have a meaning written behind them."""
    sections: list[tuple[int, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        found = KEY.match(line)
        if found is None:
            continue
        depth = len(found["indent"])
        sections = [(deep, name) for deep, name in sections if deep < depth]
        if found["meaning"]:
            name = before + ".".join([*(name for _, name in sections), found["name"]])
            yield Key(name, found["default"].strip(), found["meaning"])
        sections.append((depth, found["name"]))
