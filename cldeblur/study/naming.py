"""What tells arms apart, in the words that a user would type for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cldeblur.config.folder import conf_folder, options
from cldeblur.config.loading import read_option


@dataclass(frozen=True)
class Method:
    """What an arm is, apart from the seed.

    Attributes:
        content: the part of its config that decides the result.
        overrides: what was typed for one of its runs.
        hash: the method's own.
    """

    content: Mapping[str, Any]
    overrides: Sequence[str]
    hash: str

    def option(self, group: str) -> str | None:
        """The option of a group that was chosen, as typed, or else by its class; None where nothing names one.

        What was typed does not count where another class stands in the content, because it has the same effect.
        """
        section = self.content.get(group)
        if not isinstance(section, Mapping):
            return None
        typed = self._typed(group)
        if "_target_" not in section or (typed is not None and _builds(group, typed, section["_target_"])):
            return typed
        return _option_of_class(group, section["_target_"])

    def facts(self) -> dict[str, str]:
        """Every choice of an option and every dotted key, with its value in words."""
        chosen = {group: name for group in self.content if (name := self.option(group)) is not None}
        return chosen | {key: value for name, part in self.content.items() for key, value in _leaves(name, part)}

    def _typed(self, group: str) -> str | None:
        """The option of a group that was typed, the last one if several were."""
        words = [word.partition("=")[2] for word in self.overrides if word.lstrip("+").partition("=")[0] == group]
        return words[-1].strip("'\"") if words else None


def names(methods: Sequence[Method]) -> list[str]:
    """A name for each of several methods: what it has otherwise than others, `negatives=blend,levels.top=0.3`.

    A group's option says enough where methods with the same option have the same keys; else the keys that
    differ among them follow it. What only some of the methods have at all, because to others it has no effect,
    tells nothing by itself.
    """
    sections = list(dict.fromkeys(name for method in methods for name in method.content))
    parts: list[list[str]] = [[] for _ in methods]
    for section in sections:
        having = [index for index, method in enumerate(methods) if section in method.content]
        for index, words in zip(having, _words(section, [methods[index] for index in having]), strict=True):
            parts[index] += words
    found = [",".join(words) for words in parts]
    return [
        name if name and found.count(name) == 1 else f"{name or 'arm'}-{method.hash[:8]}"
        for name, method in zip(found, methods, strict=True)
    ]


def _words(section: str, methods: Sequence[Method]) -> list[list[str]]:
    """What a section adds to the names of methods that all have it."""
    if not _differ([method.content[section] for method in methods]):
        return [[] for _ in methods]
    chosen = [method.option(section) for method in methods]
    if None in chosen:
        chosen = [None for _ in methods]
    several = len(set(chosen)) > 1
    words = []
    for method, option in zip(methods, chosen, strict=True):
        alike = [other for other, its in zip(methods, chosen, strict=True) if its == option]
        keys = _differing_keys(section, [other.content[section] for other in alike])
        # The option says it.
        keys = [key for key in keys if option is None or key != f"{section}._target_"]
        mine = dict(_leaves(section, method.content[section]))
        words.append(
            [f"{section}={option}"] * (several and option is not None)
            + [f"{key}={mine[key]}" for key in keys if key in mine]
        )
    return words


def _differing_keys(section: str, contents: Sequence[object]) -> list[str]:
    """Dotted keys that have two values or more, among those that have them."""
    tables = [dict(_leaves(section, content)) for content in contents]
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if _differ([table[key] for table in tables if key in table])]


def _differ(values: Sequence[object]) -> bool:
    return any(value != values[0] for value in values)


def _leaves(key: str, value: object) -> list[tuple[str, str]]:
    """Dotted keys below a key, with their values in words."""
    if isinstance(value, Mapping):
        return [leaf for name, inner in value.items() for leaf in _leaves(f"{key}.{name}", inner)]
    return [(key, _word(value))]


def _word(value: object) -> str:
    """A value as one would type it; an object by its class alone."""
    if isinstance(value, Mapping):
        return str(value.get("_target_", dict(value))).rpartition(".")[2]
    if isinstance(value, list | tuple):
        return f"[{','.join(_word(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _builds(group: str, option: str, target: object) -> bool:
    """Whether an option builds a class, or may: of one that is not shipped nothing is known."""
    return option not in options(group) or read_option(group, option).get("_target_") == target


def _option_of_class(group: str, target: object) -> str | None:
    """The shipped option that builds a class; the class's own name where several do, or none."""
    line = re.compile(rf"^_target_: {re.escape(_word(target))}\s*(#.*)?$", re.MULTILINE)
    files = ((name, conf_folder() / group / f"{name}.yaml") for name in options(group))
    found = [name for name, path in files if line.search(path.read_text(encoding="utf-8"))]
    return found[0] if len(found) == 1 else None if target is None else str(target).rpartition(".")[2]
