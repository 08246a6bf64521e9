"""The loss that a model trains on, of single batches: on held-out patches, and to see how long."""
from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from torch import Tensor, nn

from ..generators.evaluating import device_of, evaluating
from ..generators.wrappers import generator_of, result_generator_of, unwrap
from .amp import CpuAmpOptimWrapper

QUICK = 10.
"""Seconds from which on a first iteration is not tried again to see how long it takes warm."""


def loss_on(runner: Runner, samples: Sequence[dict], batch_size: int) -> float:
    """Return the mean loss of the generator that is the result, over samples of one size.

    It is computed in bfloat16 if that is trained in. In float16 a value may be too large.

    Args:
        runner (Runner): With a model whose losses are pixel losses alone.
        samples (Sequence[dict]): Of the training pipeline.
        batch_size (int): How many are run at once.
    """
    model = unwrap(runner.model)
    generator = result_generator_of(model)
    total = 0.
    with torch.no_grad(), evaluating(generator), _precision(runner, model):
        for start in range(0, len(samples), batch_size):
            batch = samples[start:start + batch_size]
            total += len(batch) * _loss(model, generator, batch).item()
    return total / len(samples)


def seconds_of_iteration(runner: Runner, samples: Sequence[dict]) -> float:
    """Measure how long an iteration takes, on a copy of the generator that is then forgotten."""
    model = unwrap(runner.model)
    copy = deepcopy(generator_of(model)).train()
    device = device_of(copy)
    devices = [device] if device.type == 'cuda' else []
    seconds = 0.
    with torch.random.fork_rng(devices):
        for _ in range(2):
            start = time.perf_counter()
            with _context(runner).optim_context(model):
                loss = _loss(model, copy, samples)
            loss.backward()
            if devices:
                torch.cuda.synchronize(device)
            seconds = time.perf_counter() - start
            if seconds > QUICK:
                break
    return seconds


def _precision(runner: Runner, model: nn.Module) -> AbstractContextManager:
    context = _context(runner)
    return context.optim_context(model) if isinstance(context, CpuAmpOptimWrapper) else (
        nullcontext())


def _context(runner: Runner) -> Any:
    wrapper = runner.optim_wrapper
    return wrapper['generator'] if hasattr(wrapper, 'keys') else wrapper


def _loss(model: Any, generator: nn.Module, samples: Sequence[dict]) -> Tensor:
    # A copy, because MMagic's preprocessor writes into samples.
    data = model.data_preprocessor(pseudo_collate(deepcopy(list(samples))), True)
    outputs = generator(data['inputs'])
    if hasattr(model, 'g_step') and hasattr(model, 'extract_gt_data'):
        losses = model.g_step(outputs, model.extract_gt_data(data['data_samples']))
        return sum(losses.values())
    return model.pixel_loss(outputs, data['data_samples'].gt_img)
