"""The jobs that a command line asks for, each composed and checked before the first one starts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, cast

from hydra import compose, version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf

from cldeblur.config.checks import checked
from cldeblur.config.folder import conf_folder, options
from cldeblur.config.loading import keys, resolved
from cldeblur.config.schema import EvaluateConfig, TrainConfig
from cldeblur.config.typos import did_you_mean, nearest
from cldeblur.errors import Refused
from cldeblur.sweeps.axes import refuse_intervals, refuse_repeated, refuse_several, values_of
from cldeblur.sweeps.explaining import explained
from cldeblur.sweeps.naming import register_resolvers

OURS = {
    "hydra.run.dir": "run.dir",
    "hydra.sweep.dir": "run.root and run.group",
    "hydra.sweep.subdir": "run.root and run.group",
    "hydra.mode": "-m for a sweep",
}


Choices = dict[str, str | None]
HYDRAS_CHOICES = ("hydra/launcher", "hydra/sweeper")


@dataclass(frozen=True)
class Job:
    """One run that a command line asks for: its overrides, its config, and the option chosen in each group.

    Of Hydra's own groups `choices` holds `hydra/launcher` and `hydra/sweeper`.
    """

    overrides: tuple[str, ...]
    content: dict[str, Any]
    config: TrainConfig | EvaluateConfig
    choices: Choices


def jobs(
    verb: str,
    words: Sequence[str],
    multirun: bool = False,
    config_folder: str | None = None,
    config_name: str | None = None,
    complete: bool = True,
) -> list[Job]:
    """Compose and check every job of a command line.

    Args:
        verb: `train` or `evaluate`; also the name of its primary config.
        words: Hydra overrides, as typed.
        multirun: whether comma-separated values mean one job each.
        config_folder: a folder of the user's own config files.
        config_name: a primary config of the user's own.
        complete: whether the jobs are to be run; if not, names alone are checked and no job is given back.

    Raises:
        Refused: a misspelt key, group or option; a value of the wrong type; a combination that cannot work.
    """
    register_resolvers()
    with _hydra(config_folder):
        parsed = _parse(words)
        if not multirun:
            refuse_several(parsed)
        name = config_name or verb
        lines = _expand(parsed) if multirun else [parsed]
        checked_lines = [(line, *_names_checked(name, line)) for line in lines]
        choices = checked_lines[0][-1]
        if choices["hydra/sweeper"] == "basic":
            refuse_intervals(parsed)
        if choices.get("sweep") is not None and not multirun:
            raise Refused(f"sweep={choices['sweep']} stands for several runs; add -m")
        return [_job(verb, *found) for found in checked_lines] if complete else []


def sweep_words(
    verb: str, words: Sequence[str], config_folder: str | None = None, config_name: str | None = None
) -> list[str]:
    """The overrides of a sweep: those that `hydra.sweeper.params` of a config file names, then those typed.

    What is typed counts where both give the same key.

    Raises:
        Refused: several values are typed for one key at two places.
    """
    register_resolvers()
    with _hydra(config_folder):
        parsed = _parse(words)
        refuse_repeated(parsed)
        single = [item for item in parsed if not item.is_sweep_override() and (_is_hydras(item) or _is_choice(item))]
        shared = [str(item.input_line) for item in single]
        master = _compose(config_name or verb, shared, [*_groups(), *_groups("hydra")])
    in_file = OmegaConf.select(master, "hydra.sweeper.params") or {}
    return [*(f"{key}={value}" for key, value in in_file.items()), *words]


def swept_keys(words: Sequence[str]) -> set[str]:
    """Keys to which a command line gives several values."""
    return {override.key_or_group for override in _parse(words) if override.is_sweep_override()}


def fixed_keys(words: Sequence[str]) -> list[str]:
    """Keys to which a command line gives one value."""
    return sorted({override.key_or_group for override in _parse(words)} - swept_keys(words))


@contextmanager
def _hydra(config_folder: str | None) -> Iterator[None]:
    """Hydra's composition over the shipped config files and those in the user's folder, in Hydra's own order."""
    if config_folder is not None and not Path(config_folder).is_dir():
        raise Refused(f"--config-dir {config_folder} is not a folder")
    search = create_config_search_path(str(conf_folder()))
    if config_folder is not None:
        search.prepend("command-line", f"file://{Path(config_folder).resolve()}", SearchPathQuery(provider="schema"))
    version.setbase("1.3")
    GlobalHydra.instance().clear()
    for remembered in (_offered, _groups):
        remembered.cache_clear()
    Hydra.create_main_hydra2("cldeblur", search)
    try:
        yield
    finally:
        GlobalHydra.instance().clear()


def _parse(words: Sequence[str]) -> list[Override]:
    """Overrides as Hydra reads them, if none of them is for us to give."""
    try:
        parsed = list(OverridesParser.create().parse_overrides(list(words)))
    except OverrideParseException as error:
        if "=" not in str(error.override):
            raise Refused(f"cannot read '{error.override}'; write {error.override}=VALUE") from None
        raise Refused(f"cannot read '{error.override}': {str(error.message).splitlines()[0]}") from None
    for override in parsed:
        key = override.key_or_group
        if key in OURS:
            raise Refused(f"{key} is cldeblur's own; give {OURS[key]}")
        if (key == "sweep" or _is_hydras(override)) and override.is_sweep_override():
            raise Refused(f"{key} cannot take several values")
        if key == "data.root" and override.is_sweep_override():
            raise Refused(
                "data.root cannot take several values: start a sweep for each folder, with a data.name of its own"
            )
    return parsed


def _expand(parsed: Sequence[Override]) -> list[list[Override]]:
    """Every combination of the swept values, in the order in which Hydra numbers its jobs; a key's last axis counts."""
    axes = {override.get_key_element(): values_of(override) for override in parsed}
    return [_parse(line) for line in product(*axes.values())]


def _names_checked(name: str, line: Sequence[Override]) -> tuple[DictConfig, Choices]:
    """Compose one job whose groups, options and keys all exist; also gives the option chosen in each group."""
    choices, known = _offered(
        name, tuple(str(item.input_line) for item in line if _is_hydras(item) or _is_choice(item))
    )
    _refuse_unknown_keys(line, known, choices)
    return _compose(name, [str(item.input_line) for item in line], known), dict(choices)


@cache  # for one command: jobs that differ in values alone, seeds for example, are offered the same
def _offered(name: str, chosen: tuple[str, ...]) -> tuple[Choices, list[str]]:
    """The option in each group, and the keys that there are, once options have been chosen."""
    base = _compose(name, chosen, [*_groups(), *_groups("hydra")])
    made = {str(key): value for key, value in base.hydra.runtime.choices.items()}
    choices = {key: value for key, value in made.items() if "hydra/" not in key or key in HYDRAS_CHOICES}
    named, experiment = keys(_container(base)), choices.get("experiment")
    plain = [f"{key}={value}" for key, value in choices.items() if value is not None and key != "experiment"]
    known = named if experiment is None else keys(_container(_compose(name, plain, [])))
    for key in named:
        if key not in known:
            raise Refused(f"no key '{key}' (in experiment={experiment}){did_you_mean(key, known)}")
    return choices, known


def _job(verb: str, line: Sequence[Override], composed: DictConfig, choices: Choices) -> Job:
    """Check the values of one job."""
    content = resolved(composed)
    return Job(tuple(str(item.input_line) for item in line), content, checked(verb, content), choices)


def _refuse_unknown_keys(line: Sequence[Override], known: Sequence[str], choices: Choices) -> None:
    """Refuse an override of a key that does not exist, `+` and `~` before it or not."""
    names = [*known, *_groups()]
    for item in line:
        key = item.key_or_group.partition("@")[0]
        if not _is_hydras(item) and key not in names:
            raise Refused(f"no key '{key}'{did_you_mean(key, names) or _elsewhere(key, choices)}")


def _elsewhere(key: str, choices: Choices) -> str:
    """Which other option of a key's group has it, or has one like it."""
    group = key.partition(".")[0]
    for option in options(group):
        content = cast(DictConfig, OmegaConf.load(conf_folder() / group / f"{option}.yaml"))
        close = nearest(key, keys(_container(content), f"{group}."))
        if close == key:
            return f" with {group}={choices[group]}; {group}={option} has it"
        if close is not None:
            return f"; did you mean '{close}'? {group}={option} has it"
    return ""


@cache
def _groups(parent: str = "") -> list[str]:
    """Groups of config files, ours or those below another."""
    found = GlobalHydra.instance().config_loader().list_groups(parent)
    return [f"{parent}/{name}" if parent else name for name in found if name != "hydra"]


def _is_hydras(item: Override) -> bool:
    """Whether an override is of Hydra's own node or groups."""
    return str(item.key_or_group).startswith("hydra")


def _is_choice(item: Override) -> bool:
    """Whether an override chooses an option of one of our groups."""
    group = item.key_or_group.partition("@")[0]
    if group in _groups() and item.value() is None and not item.is_delete():
        raise Refused(f"{item.input_line} names no option; there are {', '.join(options(group))}")
    return group in _groups()


def _compose(name: str, words: Sequence[str], known: Sequence[str]) -> DictConfig:
    """Compose, and turn Hydra's several lines of error into one sentence."""
    try:
        return compose(name, overrides=list(words), return_hydra_config=True)
    except Exception as error:  # composing reads files of the user's; parser, Hydra and OmegaConf each have their own
        raise explained(error, known) from error


def _container(config: DictConfig) -> dict[str, Any]:
    """A composed config as nested dicts, unresolved, without Hydra's node."""
    content = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return {key: value for key, value in content.items() if key != "hydra"}
