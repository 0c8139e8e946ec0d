"""What a config may build: classes of cldeblur and of packages that the user trusts, with the keys they take."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Refused

TRUSTED = (
    "cldeblur.",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.",
    "torch.optim.",
)


def build(key: str, node: Mapping[str, Any], trust: Sequence[str] = (), **offers: object) -> Any:
    """Build the object that a config node describes.

    Args:
        key: the node's own key, for error messages.
        node: `_target_`, the class, and its parameters; nodes inside it are built too.
        trust: packages of the user's whose classes may be built besides cldeblur's.
        **offers: what the run knows; a class is given those that its constructor takes.

    Raises:
        Refused: the class is not to be had or not allowed, or does not take what the config gives it.
    """
    check_targets(key, node, trust)
    accepted = _parameters(_locate(key, node["_target_"], trust))
    given = {name: value for name, value in offers.items() if name in accepted}
    try:
        return instantiate({**node, "_partial_": True, "_convert_": "all"})(**given)
    except InstantiationException as error:
        raise _refusal(key, error.__cause__ or error) from error
    except (TypeError, ValueError) as error:
        raise _refusal(key, error) from error


def chosen(node: Mapping[str, Any]) -> bool:
    """Whether a node names a class at all: the option `none` of a group does not."""
    return node.get("_target_") is not None


def check_targets(key: str, node: Mapping[str, Any], trust: Sequence[str] = ()) -> None:
    """Refuse a node that names a class which is not allowed, or gives a class a key that it does not take."""
    for at, inner in _nodes(key, node):
        found = _locate(at, inner["_target_"], trust)
        known = _parameters(found)
        for name in () if _takes_any(found) else inner:
            if not name.startswith("_") and name not in known:
                suggestion = did_you_mean(f"{at}.{name}", [f"{at}.{other}" for other in known])
                raise Refused(f"no key '{at}.{name}'{suggestion}")


def _nodes(key: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every node with a `_target_` inside `value`, itself included, with its key."""
    if isinstance(value, Mapping):
        if value.get("_target_") is not None:
            yield key, value
        for name, inner in value.items():
            yield from _nodes(f"{key}.{name}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _nodes(f"{key}[{place}]", inner)


def _locate(key: str, target: object, trust: Sequence[str]) -> type:
    """The class that a `_target_` names; importing happens only below a trusted prefix."""
    allowed = (*TRUSTED, *(f"{package}." for package in trust))
    if not isinstance(target, str) or not target.startswith(allowed):
        package = str(target).partition(".")[0]
        raise Refused(f"{key}._target_ names {target}, which is not trusted; if it is yours, add trust=[{package}]")
    module, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # a module of the user's may raise anything
        raise Refused(f"{key}._target_ names {target}, which cannot be imported: {_root_cause(error)}") from error
    # The real home counts: cldeblur.records.Path starts with an allowed prefix and is not of ours.
    if not inspect.isclass(found) or not f"{found.__module__}.".startswith(allowed):
        raise Refused(f"{key}._target_ names {target}, which is not a class of a trusted package")
    return found


def _parameters(found: type) -> set[str]:
    """Names of a constructor's parameters, but for those that stand for any."""
    parameters = inspect.signature(found).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {parameter.name for parameter in parameters if parameter.kind not in variadic}


def _takes_any(found: type) -> bool:
    """Whether a constructor takes keys that it does not name."""
    kinds = {parameter.kind for parameter in inspect.signature(found).parameters.values()}
    # A module without a constructor of its own has torch's, which takes *args and **kwargs only to refuse them.
    return inspect.Parameter.VAR_KEYWORD in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds


def _refusal(key: str, error: BaseException) -> Refused:
    """A builder's error as a sentence that names the key; a refusal of the class's own is passed on as it is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused):
            return cause
        cause = cause.__cause__
    return Refused(f"{key}: {_root_cause(error)}")


def _root_cause(error: BaseException) -> BaseException:
    """The first error of a chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
