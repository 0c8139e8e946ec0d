"""From a blurred image to a restored one: whole images of any size, for programs and for people."""

from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional

from cldeblur.errors import Refused
from cldeblur.evaluation.pictures import to_picture
from cldeblur.networks.outputs import as_outputs

PADDINGS = ("reflect", "replicate")
AnyArray = NDArray[np.generic]
Scalar = TypeVar("Scalar", bound=np.generic)


@torch.no_grad()
def restore(network: nn.Module, blurred: Tensor, padding: str = "reflect") -> Tensor:
    """Restore whole images.

    Height and width need not fit the network: images are padded at the right and at the bottom up to
    its `multiple` (1 where it has none), and the result is cut back.

    Args:
        network: in the mode that the caller wants (`eval` for a score), on the images' device.
        blurred: images (N,3,H,W) in [0, 1].
        padding: `reflect`, or `replicate` for repeated border pixels.

    Returns:
        Images (N,3,H,W), float32 in [0, 1], from the network's last output.
    """
    height, width = blurred.shape[-2:]
    padded = _pad(blurred.float(), int(getattr(network, "multiple", 1)), padding)
    restored = as_outputs(network(padded))[-1]
    return restored[..., :height, :width].float().clamp(0, 1)


def _pad(images: Tensor, multiple: int, padding: str) -> Tensor:
    """Pad at the right and at the bottom to the next multiple."""
    height, width = images.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if padding == "reflect":
        # Reflection reaches no further than the opposite border; the border repeated does the rest.
        reach_down, reach_right = min(bottom, height - 1), min(right, width - 1)
        images = functional.pad(images, (0, reach_right, 0, reach_down), mode="reflect")
        bottom, right = bottom - reach_down, right - reach_right
    return functional.pad(images, (0, right, 0, bottom), mode="replicate")


class Restorer:
    """A network ready to deblur a person's pictures.

    Args:
        network: any network of ours, or one that maps (N,3,H,W) in [0, 1] to the same; put in
            evaluation mode.
        device: where it is to work.
    """

    def __init__(self, network: nn.Module, device: torch.device | str) -> None:
        self.network = network.to(device).eval()
        self.device = torch.device(device)

    @overload
    def restore(self, image: Image.Image | Path | str) -> Image.Image: ...
    @overload
    def restore(self, image: NDArray[Scalar]) -> NDArray[Scalar]: ...
    def restore(self, image: Image.Image | Path | str | AnyArray) -> Image.Image | AnyArray:
        """Deblur one picture, and give it back as what it was.

        Args:
            image: a PIL picture, the path of one, or an array (H,W,3) of uint8 or of floats in [0, 1].

        Returns:
            An RGB picture, upright as its EXIF data say, for a picture or a path; for an array one of
            the same shape and type.

        Raises:
            Refused: the file cannot be read, or the picture or array is of another kind.
        """
        if isinstance(image, np.ndarray):
            restored = self._restore(_from_array(image))
            array = np.asarray(to_picture(restored)) if image.dtype == np.uint8 else _to_array(restored)
            return array.astype(image.dtype)
        picture = image if isinstance(image, Image.Image) else _open(Path(image))
        return to_picture(self._restore(_from_picture(picture)))

    def _restore(self, image: Tensor) -> Tensor:
        """Restore one image (3,H,W) on the network's device, and bring it back to the CPU."""
        return restore(self.network, image.unsqueeze(0).to(self.device))[0].cpu()


def _open(path: Path) -> Image.Image:
    """Read a picture, all of it."""
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refused(f"{path} cannot be read as a picture: {error}") from None


def _from_picture(picture: Image.Image) -> Tensor:
    """A picture as (3,H,W) in [0, 1]; transparency is dropped."""
    if picture.mode.startswith(("I", "F")):
        raise Refused(f"a picture of mode {picture.mode} has more than 8 bits a channel; convert it first")
    return _from_array(np.asarray(ImageOps.exif_transpose(picture).convert("RGB")))


def _from_array(array: AnyArray) -> Tensor:
    """An array (H,W,3) as a float32 tensor (3,H,W) in [0, 1]."""
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise Refused(f"an array to restore has the shape (H, W, 3), not {array.shape}")
    if array.dtype == np.uint8:
        return torch.from_numpy(array.astype(np.float32) / 255).permute(2, 0, 1)
    if not np.issubdtype(array.dtype, np.floating):
        raise Refused(f"an array to restore holds uint8 or floats, not {array.dtype}")
    values = array.astype(np.float32)
    if not (values.min() >= 0 and values.max() <= 1):
        raise Refused("an array of floats to restore has values in [0, 1]; this one has others")
    return torch.from_numpy(values).permute(2, 0, 1)


def _to_array(image: Tensor) -> NDArray[np.float32]:
    """A tensor (3,H,W) as an array (H,W,3)."""
    array: NDArray[np.float32] = image.permute(1, 2, 0).numpy()
    return array
