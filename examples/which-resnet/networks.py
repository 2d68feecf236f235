"""ResNets that the report may have meant: it names a paper and prints no layers."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
import torchvision
from torch import Tensor, nn


def resnet18_for_cifar() -> nn.Module:
    """resnet18 as it is often changed for small images: a first convolution of 3x3 without stride,
    and no pooling after it; 11,173,962 parameters."""
    network = torchvision.models.resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


class Block(nn.Module):
    """Two convolutions and a shortcut without parameters: every second pixel, and channels of zeros
    (option A of He et al. 2016, section 4.2)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.stride, self.added = (1, 0) if channels == out else (2, out - channels)
        self.conv1 = nn.Conv2d(channels, out, 3, self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + shortcut)


def resnet20() -> nn.Module:
    """ResNet-20 as its paper builds it for CIFAR-10 (He et al. 2016, section 4.2); 269,722
    parameters."""
    widths = [16] * 4 + [32] * 3 + [64] * 3
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *(Block(*pair) for pair in itertools.pairwise(widths)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)  # as the paper says (section 3.4)
    return network
