"""Means and quantiles over the images of an epoch: exact over ranks, accumulation and resumes."""

from typing import Any

import torch
import torch.distributed
from torch import Tensor

QUANTILES = {"q25": 0.25, "q50": 0.5, "q75": 0.75}


class EpochMeter:
    """Gathers per-image values during an epoch.

    Lightning's own epoch means start anew when a run resumes inside an epoch; these are kept in the checkpoint.
    Values stay on their device until the epoch ends, so that no step waits for them.
    """

    def __init__(self) -> None:
        self._totals: dict[str, Tensor] = {}
        self._spreads: dict[str, list[Tensor]] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add per-image values, any shape, to the mean called `name`; values that are not finite do not count."""
        values = values.detach().double().flatten()
        counted = torch.isfinite(values)
        entry = torch.stack([values.where(counted, 0).sum(), counted.sum().double()])
        self._totals[name] = self._totals[name].to(entry.device) + entry if name in self._totals else entry

    def add_spread(self, name: str, values: Tensor) -> None:
        """Add per-image values, any shape, whose quartiles are wanted."""
        self._spreads.setdefault(name, []).append(values.detach().float().flatten())

    def results(self) -> dict[str, float]:
        """Means and quartiles over all ranks, by name. Every rank must ask, and gets the same."""
        totals, spreads = self._gathered()
        found = {name: float(total / count) for name, (total, count) in totals.items() if count > 0}
        for name, values in spreads.items():
            finite = values[torch.isfinite(values)].double()
            for suffix, share in QUANTILES.items() if len(finite) else ():
                found[f"{name}_{suffix}"] = float(torch.quantile(finite, share))
        return found

    def reset(self) -> None:
        """Begin a new epoch."""
        self._totals, self._spreads = {}, {}

    def state_dict(self) -> dict[str, Any]:
        """What all ranks have gathered so far. Every rank must ask."""
        totals, spreads = self._gathered()
        return {"totals": totals, "spreads": spreads}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`; the first rank alone takes it, since it is the sum over all."""
        first = rank() == 0
        self._totals = dict(state["totals"]) if first else {}
        self._spreads = {name: [values] for name, values in state["spreads"].items()} if first else {}

    def to(self, device: torch.device) -> None:
        """Move what was gathered to a device."""
        self._totals = {name: total.to(device) for name, total in self._totals.items()}
        self._spreads = {name: [item.to(device) for item in items] for name, items in self._spreads.items()}

    def _gathered(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        own = (
            {name: total.cpu() for name, total in self._totals.items()},
            {name: torch.cat(items).cpu() for name, items in self._spreads.items()},
        )
        if not torch.distributed.is_initialized():
            return own
        everyone: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(everyone, own)
        return _sum([totals for totals, _ in everyone]), _join([spreads for _, spreads in everyone])


def rank() -> int:
    """This process's rank; 0 where there is one process."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def sum_over_ranks(values: Tensor) -> Tensor:
    """The sum of a small tensor over all ranks; the tensor itself where there is one."""
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
    return values


def _sum(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    names = sorted({name for part in parts for name in part})
    return {name: torch.stack([part[name] for part in parts if name in part]).sum(dim=0) for name in names}


def _join(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    names = sorted({name for part in parts for name in part})
    return {name: torch.cat([part[name] for part in parts if name in part]) for name in names}
