"""What a run's record says of where it ran: code, versions, machine."""

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from cldeblur import __version__
from cldeblur.files import write_text

PACKAGES = (
    "torch",
    "lightning",
    "hydra-core",
    "omegaconf",
    "torchmetrics",
    "kornia",
    "numpy",
    "pillow",
    "scikit-image",
    "wandb",
)
DIFF_FILE = "code.diff"
MEGABYTE = 2**20


def versions() -> dict[str, str]:
    """Versions of Python, of cldeblur and of the packages that decide results."""
    found = {"python": platform.python_version(), "cldeblur": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def host() -> dict[str, Any]:
    """The machine, without its name."""
    import torch

    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "os": platform.platform(),
        "cpu": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "ram_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": [{"name": gpu.name, "mem_gb": round(gpu.total_memory / 2**30, 1)} for gpu in gpus],
        "cuda": torch.version.cuda,
        "cudnn": cast(Any, torch.backends.cudnn).version() if gpus else None,
        "driver": None,
    }


def git(folder: Path) -> dict[str, Any] | None:
    """Commit, branch and state of the checkout that the code runs from; None where there is none."""
    package = Path(__file__).resolve().parent
    commit = _git(package, "rev-parse", "HEAD")
    if commit is None or _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    changed = _git(package, "status", "--porcelain", "--", ".", "../conf") or ""
    diff = _git(package, "diff", "HEAD", "--", ".", "../conf") if changed else None
    if diff:
        write_text(folder / DIFF_FILE, diff + "\n")
    return {
        "commit": commit,
        "branch": _git(package, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": bool(changed),
        "diff": DIFF_FILE if diff else None,
    }


def determinism(
    workers: int, seed: int = 0, deterministic: bool = False, precision: str = "32", world_size: int = 1
) -> dict[str, Any]:
    """What decides whether a run repeats bit for bit."""
    import torch

    return {
        "seed": seed,
        "deterministic": deterministic,
        "tf32": torch.backends.cuda.matmul.allow_tf32,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "benchmark": torch.backends.cudnn.benchmark,
        "precision": precision,
        "world_size": world_size,
        "workers": workers,
    }


def external_rank() -> int | None:
    """This process's place among those that torchrun, or srun with several tasks, started; None where neither did."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return int(os.environ["RANK"])
    shell = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1 and "SLURM_PROCID" in os.environ and not shell:
        return int(os.environ["SLURM_PROCID"])
    return None


def peak_memory_mb() -> float:
    """The largest resident memory of this process so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE, 1)


def _git(folder: Path, *words: str) -> str | None:
    """What git answers; None where it is not there, or refuses."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
