"""From Hydra's config to a typed one, and from a run's own file back to it."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from cldeblur.config.folder import conf_folder, options
from cldeblur.config.schema import EvaluateConfig, TrainConfig
from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Refused

Config = TypeVar("Config", bound=TrainConfig | EvaluateConfig)


def resolved(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain containers, interpolations resolved, without Hydra's own node.

    Raises:
        Refused: a mandatory key has no value, or an interpolation leads nowhere.
    """
    visible = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        content = OmegaConf.to_container(visible, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise Refused(f"{error.full_key} is needed; give {error.full_key}=…") from None
    except OmegaConfBaseException as error:
        raise Refused(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    return cast(dict[str, Any], content)


def typed(schema: type[Config], content: Mapping[str, Any]) -> Config:
    """A resolved config as typed dataclasses.

    Raises:
        Refused: a key that the schema does not have, or a value of another type than its key's.
    """
    try:
        return cast(Config, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), dict(content))))
    except ConfigKeyError as error:
        raise Refused(f"no key '{error.full_key}'{did_you_mean(str(error.full_key), _typed_keys(schema))}") from None
    except MissingMandatoryValue as error:
        raise Refused(f"{error.full_key} is needed, and the config does not have it") from None
    except OmegaConfBaseException as error:
        raise Refused(f"{error.full_key}: {str(error).splitlines()[0]}") from None


def keys(content: Mapping[str, Any], before: str = "") -> list[str]:
    """Every dotted key of a config, sections included."""
    found = []
    for name, value in content.items():
        found.append(f"{before}{name}")
        if isinstance(value, Mapping):
            found += keys(value, f"{before}{name}.")
    return found


def _typed_keys(schema: type, before: str = "") -> list[str]:
    """Every dotted key that has a type of its own: all but those of the parts that a node describes."""
    found = []
    for name, kind in get_type_hints(schema).items():
        found.append(f"{before}{name}")
        if isinstance(kind, type) and is_dataclass(kind):
            found += _typed_keys(kind, f"{before}{name}.")
    return found


def to_yaml(content: Mapping[str, Any]) -> str:
    """A resolved config as YAML text."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(content)))


def read_option(group: str, name: str) -> dict[str, Any]:
    """The content of a shipped option file.

    Raises:
        Refused: the group has no such option.
    """
    if name not in options(group):
        raise Refused(f"no option '{group}={name}'{did_you_mean(name, options(group))}")
    return read_config(conf_folder() / group / f"{name}.yaml")


def read_config(path: Path) -> dict[str, Any]:
    """A config file that stands for itself, a run's own `config.yaml` for example.

    Raises:
        Refused: the file cannot be read, or holds something else.
    """
    try:
        found = OmegaConf.create(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except (YAMLError, OmegaConfBaseException, ValueError):
        raise Refused(f"{path} is damaged: it is no YAML") from None
    if not isinstance(found, DictConfig) or not found:
        raise Refused(f"{path} is damaged: it holds no keys")
    return resolved(found)
