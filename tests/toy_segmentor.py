"""Segmentation models of mmseg that are built and run in milliseconds, and their checkpoints.

A config of them is read in this process; it imports this module by ``custom_imports``.
"""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

COLOURS = ('red', 'green', 'blue')

HEADER = """
custom_imports = dict(imports=['toy_segmentor'])
default_scope = 'mmseg'
test_pipeline = [
    dict(type='LoadImageFromFile'), {resize}
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs')]
test_dataloader = dict(dataset=dict(
    type='BaseSegDataset', pipeline=test_pipeline, metainfo=dict(classes={classes})))
"""
PURE_PYTHON = """
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations, PackSegInputs
from mmseg.models import EncoderDecoder, FCNHead, SegDataPreProcessor
from toy_segmentor import ToyBackbone
"""
COLOUR_MODEL = """
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[1., 2., 3.], std=[1., 1., 1.],
                           bgr_to_rgb=True),
    pretrained='https://nowhere.invalid/backbone.pth',
    backbone=dict(type='ToyBackbone'),
    decode_head=dict(
        type='FCNHead', in_channels=3, channels=3, in_index=0, num_convs=0, concat_input=False,
        dropout_ratio=0, num_classes={num_classes}, {head}),
    test_cfg={test_cfg})
"""
TINY_SEGFORMER = """
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='MixVisionTransformer', embed_dims=8, num_stages=4, num_layers=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1], sr_ratios=[8, 4, 2, 1], mlp_ratio=2,
        init_cfg=dict(type='Pretrained', checkpoint='https://nowhere.invalid/mit.pth')),
    decode_head=dict(
        type='SegformerHead', in_channels=[8, 8, 8, 8], in_index=[0, 1, 2, 3], channels=16,
        num_classes={num_classes}, norm_cfg=dict(type='SyncBN'), align_corners=False),
    test_cfg={test_cfg})
"""


@MODELS.register_module(force=True)  # the module may be imported again after a reload
class ToyBackbone(nn.Module):
    """Hands the image on as it is.

    Args:
        pretrained (str, optional): As real backbones have it; asking for it is a failure.
    """

    def __init__(self, pretrained: str | None = None) -> None:
        super().__init__()
        assert pretrained is None, f'would download {pretrained}'

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) to the only level of features."""
        return (x,)


def write_colour_config(folder: Path, classes: tuple[str, ...] | None = COLOURS, resize: str = '',
                        test_cfg: str = "dict(mode='whole')", head: str = '') -> Path:
    """Write the config of a model whose class is the channel that is largest.

    mmseg's preprocessing takes 1, 2 and 3 from R, G and B.
    """
    path = folder / 'colour_model.py'
    num_classes = len(classes or COLOURS)
    path.write_text(HEADER.format(classes=classes, resize=resize) + COLOUR_MODEL.format(
        num_classes=num_classes, test_cfg=test_cfg, head=head))
    return path


def as_pure_python(config: str) -> str:
    """Return the text of the colour model's config with classes in the place of their names."""
    return PURE_PYTHON + re.sub(r"type='(\w+)'", r'type=\1', config)


def colour_state(order: tuple[int, ...] = (0, 1, 2)) -> dict[str, Tensor]:
    """Weights of the colour model: class k is channel ``order[k]``."""
    weight = torch.eye(3)[list(order)].reshape(len(order), 3, 1, 1)
    return {'decode_head.conv_seg.weight': weight,
            'decode_head.conv_seg.bias': torch.zeros(len(order))}


def colour_labels(image: np.ndarray) -> np.ndarray:
    """What the colour model tells of an RGB image, pixel by pixel."""
    return (image.astype(int) - [1, 2, 3]).argmax(-1)


def write_colour_model(folder: Path, classes: tuple[str, ...] = COLOURS, order=(0, 1, 2),
                       **config) -> dict:
    """Write config and checkpoint; returns the arguments of MMSegSegmentor for them."""
    checkpoint = folder / 'colour_model.pth'
    torch.save(dict(state_dict=colour_state(order), meta=dict(dataset_meta=dict(
        classes=classes))), checkpoint)
    return dict(config=str(write_colour_config(folder, classes, **config)),
                checkpoint=checkpoint, device='cpu')


def write_tiny_segformer(folder: Path, num_classes: int = 7,
                         resize: str = "dict(type='Resize', scale=(96, 64), keep_ratio=True),",
                         test_cfg: str = "dict(mode='whole')") -> dict:
    """Write a SegFormer with random weights; returns the arguments of MMSegSegmentor for it."""
    from mmdesra.segmentors.mmseg_model import MMSegModel
    config = folder / 'tiny_segformer.py'
    classes = tuple(f'class {number}' for number in range(num_classes))
    config.write_text(HEADER.format(classes=classes, resize=resize) + TINY_SEGFORMER.format(
        num_classes=num_classes, test_cfg=test_cfg))
    torch.manual_seed(0)
    network = MMSegModel(config, random_weights=True).model
    checkpoint = folder / 'tiny_segformer.pth'
    torch.save(network.state_dict(), checkpoint)
    return dict(config=str(config), checkpoint=checkpoint, device='cpu')
