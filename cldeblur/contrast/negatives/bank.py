"""Several negatives of each image: several generators, and the levels of earlier stages."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.values import whole
from cldeblur.errors import Refused


class Bank(Generator):
    """The negatives of all its generators, one generator after the other.

    Each generator that uses the level is asked at the present level first, and then at the next lower ones of
    the ladder (those of all stages), downwards. Where the ladder has no more, B takes their place: K is the
    same at every stage.
    """

    def __init__(self, generators: Sequence[Generator], earlier: int = 0) -> None:
        """Take the generators.

        Args:
            generators: at least one.
            earlier: how many lower levels each is asked at beside the present one, not below 0.

        Raises:
            Refused: there is no generator, or something else among them, or `earlier` is no such number.
        """
        super().__init__()
        if not generators:
            raise Refused("negatives.generators is empty: a bank holds at least one generator")
        for place, generator in enumerate(generators):
            if not isinstance(generator, Generator):
                raise Refused(f"negatives.generators[{place}] is no generator")
        self.generators = nn.ModuleList(generators)
        self.earlier = whole("negatives.earlier", earlier, least=0)
        self.uses = frozenset[str]().union(*(part.uses for part in generators))
        self.uses_level = any(part.uses_level for part in generators)
        self.count = len(self.makers)
        self.least_side = max(part.least_side for part in generators)
        self._ladder: list[float] = []

    @property
    def makers(self) -> Sequence[Generator]:
        """The generator of each of the K negatives."""
        return [
            maker
            for generator in self._generators()
            for maker in [*generator.makers] * (1 + self.earlier * generator.uses_level)
        ]

    def make(self, blurred: Tensor, sharp: Tensor, level: float, /) -> Tensor:
        """All negatives, (K, N, 3, H, W)."""
        lower = [earlier for earlier in self._ladder if earlier < level]
        levels = [level, *lower, *[0.0] * self.earlier][: 1 + self.earlier]
        made = [
            generator.make(blurred, sharp, own)
            for generator in self._generators()
            for own in (levels if generator.uses_level else [level])
        ]
        return torch.cat(made)

    def take_levels(self, levels: Sequence[float], match: str) -> None:
        """Take the ladder, and tell all generators."""
        self._ladder = sorted(set(levels), reverse=True)
        for generator in self._generators():
            generator.take_levels(levels, match)

    def enter(self, stage: int, network: nn.Module) -> None:
        """Tell all generators."""
        for generator in self._generators():
            generator.enter(stage, network)

    def stage_state(self) -> dict[str, Any]:
        """What each generator remembers, by its place."""
        return {str(place): generator.stage_state() for place, generator in enumerate(self._generators())}

    def load_stage_state(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Give each generator its own."""
        for place, generator in enumerate(self._generators()):
            generator.load_stage_state(state[str(place)], network)

    def _generators(self) -> list[Generator]:
        return cast(list[Generator], list(self.generators))
