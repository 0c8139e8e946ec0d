"""MIMO-UNet and MIMO-UNet+ (Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring", ICCV 2021).

Names of modules are those of the public project, so that its checkpoints load.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convolution(nn.Module):
    """Convolution with bias and zero padding, then ReLU unless told otherwise."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)]
        self.main = nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(N,inputs,H,W) to (N,outputs,H/stride,W/stride)."""
        result: Tensor = self.main(features)
        return result


class Doubling(nn.Module):
    """Transposed convolution to twice the size, then ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU())

    def forward(self, features: Tensor) -> Tensor:
        """(N,inputs,H,W) to (N,outputs,2H,2W)."""
        result: Tensor = self.main(features)
        return result


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a way around them; no ReLU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(Convolution(channels, channels, 3), Convolution(channels, channels, 3, relu=False))

    def forward(self, features: Tensor) -> Tensor:
        """(N,channels,H,W) to the same."""
        result: Tensor = features + self.main(features)
        return result


class ResidualBlocks(nn.Module):
    """Several residual blocks in a row."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))

    def forward(self, features: Tensor) -> Tensor:
        """(N,channels,H,W) to the same."""
        result: Tensor = self.layers(features)
        return result


class ShallowFeatures(nn.Module):
    """The paper's SCM: features of a reduced image, the image itself among them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            Convolution(3, channels // 4, 3),
            Convolution(channels // 4, channels // 2, 1),
            Convolution(channels // 2, channels // 2, 3),
            Convolution(channels // 2, channels - 3, 1),
        )
        self.conv = Convolution(channels, channels, 1, relu=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N,3,H,W) to (N,channels,H,W)."""
        result: Tensor = self.conv(torch.cat([image, self.main(image)], dim=1))
        return result


class FeatureAttention(nn.Module):
    """The paper's FAM: lets the features of a reduced image weigh those of the encoder."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.merge = Convolution(channels, channels, 3, relu=False)

    def forward(self, encoded: Tensor, shallow: Tensor) -> Tensor:
        """Two (N,channels,H,W) to one."""
        result: Tensor = encoded + self.merge(encoded * shallow)
        return result


class AsymmetricFusion(nn.Module):
    """The paper's AFF: brings the encoder's three scales, already of one size, together."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(Convolution(inputs, outputs, 1), Convolution(outputs, outputs, 3, relu=False))

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        """Three (N,·,H,W) of `inputs` channels together to (N,outputs,H,W)."""
        result: Tensor = self.conv(torch.cat([fine, middle, coarse], dim=1))
        return result


class MIMOUNet(nn.Module):
    """One U-Net that takes the blurred image at three scales and gives the restored one at three scales.

    Args:
        channels: at full size; twice as many at half, four times at a quarter. The paper's networks have 32.
        blocks: residual blocks a stage: 8 in MIMO-UNet, 20 in MIMO-UNet+.
        dropout: share of fused channels dropped in training: 0.1 in MIMO-UNet+, in its code though not in the paper.

    Attributes:
        multiple: height and width must be multiples of it.
    """

    multiple = 4

    def __init__(self, channels: int = 32, blocks: int = 8, dropout: float = 0.0) -> None:
        super().__init__()
        fine, middle, coarse = channels, 2 * channels, 4 * channels
        self.Encoder = nn.ModuleList(ResidualBlocks(width, blocks) for width in (fine, middle, coarse))
        self.feat_extract = nn.ModuleList(
            [
                Convolution(3, fine, 3),
                Convolution(fine, middle, 3, stride=2),
                Convolution(middle, coarse, 3, stride=2),
                Doubling(coarse, middle),
                Doubling(middle, fine),
                Convolution(fine, 3, 3, relu=False),
            ]
        )
        self.Decoder = nn.ModuleList(ResidualBlocks(width, blocks) for width in (coarse, middle, fine))
        self.Convs = nn.ModuleList([Convolution(coarse, middle, 1), Convolution(middle, fine, 1)])
        self.ConvsOut = nn.ModuleList([Convolution(coarse, 3, 3, relu=False), Convolution(middle, 3, 3, relu=False)])
        self.AFFs = nn.ModuleList(AsymmetricFusion(fine + middle + coarse, width) for width in (fine, middle))
        self.FAM1 = FeatureAttention(coarse)
        self.SCM1 = ShallowFeatures(coarse)
        self.FAM2 = FeatureAttention(middle)
        self.SCM2 = ShallowFeatures(middle)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restore images.

        Args:
            blurred: (N,3,H,W) in [0, 1], H and W multiples of 4.

        Returns:
            Restored images of a quarter, half and full size, not clamped.
        """
        half = _halve(blurred)
        quarter = _halve(half)
        encoded = self._encode(blurred, half, quarter)
        fused_half, fused_full = self._fuse(*encoded)
        decoded = self.Decoder[0](encoded[-1])
        restored_quarter = self.ConvsOut[0](decoded) + quarter
        decoded = self.Convs[0](torch.cat([self.feat_extract[3](decoded), fused_half], dim=1))
        decoded = self.Decoder[1](decoded)
        restored_half = self.ConvsOut[1](decoded) + half
        decoded = self.Convs[1](torch.cat([self.feat_extract[4](decoded), fused_full], dim=1))
        restored = self.feat_extract[5](self.Decoder[2](decoded)) + blurred
        return restored_quarter, restored_half, restored

    def _encode(self, full: Tensor, half: Tensor, quarter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encoder features at full, half and quarter size."""
        fine = self.Encoder[0](self.feat_extract[0](full))
        middle = self.Encoder[1](self.FAM2(self.feat_extract[1](fine), self.SCM2(half)))
        coarse = self.Encoder[2](self.FAM1(self.feat_extract[2](middle), self.SCM1(quarter)))
        return fine, middle, coarse

    def _fuse(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder is given of all scales, at half and at full size."""
        raised = _double(coarse)
        fused_half = self.dropout(self.AFFs[1](_halve(fine), middle, raised))
        fused_full = self.dropout(self.AFFs[0](fine, _double(middle), _double(raised)))
        return fused_half, fused_full


def _halve(images: Tensor) -> Tensor:
    """Every other row and column, the first ones kept."""
    return functional.interpolate(images, scale_factor=0.5)


def _double(features: Tensor) -> Tensor:
    """Every pixel as a square of four."""
    return functional.interpolate(features, scale_factor=2)
