"""What makes two runs the same: hashes over the parts of a config that have an effect on the result."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cldeblur.config.targets import chosen

WITHOUT_EFFECT = ("run", "logger", "launcher", "resume", "trust", "search", "hydra")
WITHOUT_EFFECT_IN_DATA = ("root", "workers", "pack")
CONTRASTIVE = ("objective", "contrast", "features", "schedule", "levels")
NEGATIVES, OBJECTIVES, LEVELS = (f"cldeblur.contrast.{name}." for name in ("negatives", "objectives", "levels"))
FIXED_NEGATIVES = f"{NEGATIVES}blurred.Blurred"
SEVERAL_NEGATIVES = f"{NEGATIVES}bank.Bank"
WITHOUT_NEGATIVES = f"{OBJECTIVES}pull.Pull"
# A level means the same whether it is matched or raw where it is the scale, and where there is no match; a cap bounds
# what follows the level.
WITHOUT_EFFECT_IN_LEVELS = {
    f"{NEGATIVES}blend.Blend": ("match",),
    f"{NEGATIVES}unsharp.Unsharp": ("match",),
    f"{NEGATIVES}snapshot.Snapshot": ("match", "cap"),
}


def canonical(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config that decides the result.

    Left out is what names places and words, and what the chosen options do not use: without negatives the whole
    contrastive part, with fixed negatives the schedule and the levels, with others perhaps what levels mean or how
    several of them combine; an objective that looks at none makes them all one. Files of weights count by their
    content.
    """
    content = {key: value for key, value in config.items() if key not in WITHOUT_EFFECT}
    if "data" in content:
        data = content["data"]
        content["data"] = {key: data[key] for key in data if key not in WITHOUT_EFFECT_IN_DATA}
    content |= _plainest(content)
    for key in _unused(content):
        content.pop(key, None)
    if "levels" in content and content["levels"].get("_target_", "").startswith(LEVELS):
        idle = WITHOUT_EFFECT_IN_LEVELS.get(content.get("negatives", {}).get("_target_"), ())
        content["levels"] = {key: value for key, value in content["levels"].items() if key not in idle}
    if "features" in content:
        weights = content["features"].get("weights")
        # These words are taken before a file of that name is looked for.
        named = weights in ("imagenet", "random")
        content["features"] = {**content["features"], "weights": weights if named else by_content(weights)}
    for key in ("initial_weights", "checkpoint"):
        if key in content:
            content[key] = by_content(content[key])
    return content


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON of what has an effect. Its first eight digits name directories."""
    text = json.dumps(canonical(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def method_hash(config: Mapping[str, Any]) -> str:
    """The hash without the seed: runs that share it are one arm of a comparison."""
    return config_hash({key: value for key, value in config.items() if key != "seed"})


def code_fingerprint(package: Path) -> dict[str, str]:
    """SHA-256 of every `.py` file of the package, by its path relative to the package."""
    files = sorted(package.rglob("*.py"))
    return {path.relative_to(package).as_posix(): file_hash(path) for path in files}


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def by_content(weights: object) -> object:
    """A path to a file as its content's hash; any other word as it is."""
    if isinstance(weights, str) and Path(weights).is_file():
        return f"sha256:{file_hash(Path(weights))}"
    return weights


def _plainest(content: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of the contrastive part as the simplest config would have them that does the same."""
    negatives, objective = content.get("negatives"), content.get("objective")
    if negatives is None or objective is None or not chosen(negatives):
        return {}
    if objective.get("_target_") == WITHOUT_NEGATIVES:
        return {"negatives": {"_target_": FIXED_NEGATIVES}}
    single = negatives["_target_"].startswith(NEGATIVES) and negatives["_target_"] != SEVERAL_NEGATIVES
    if single and objective.get("_target_", "").startswith(OBJECTIVES):
        return {"objective": {key: value for key, value in objective.items() if key != "combine"}}
    return {}


def _unused(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Sections that the chosen negatives give no effect."""
    negatives = content.get("negatives")
    if negatives is None:
        return ()
    if not chosen(negatives):
        return CONTRASTIVE
    return ("schedule", "levels") if negatives["_target_"] == FIXED_NEGATIVES else ()
