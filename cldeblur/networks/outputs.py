"""What a network may give back."""

from torch import Tensor


def as_outputs(result: object) -> tuple[Tensor, ...]:
    """A network's result as a tuple of images (N,3,h,w), coarse to fine, the last of full size.

    Raises:
        TypeError: it is neither a tensor nor a sequence of tensors.
    """
    if isinstance(result, Tensor):
        return (result,)
    if isinstance(result, list | tuple) and result and all(isinstance(image, Tensor) for image in result):
        return tuple(result)
    raise TypeError(f"a network gives a tensor or a sequence of tensors, coarse to fine, not {type(result).__name__}")
