"""Loading the ImageNet weights of a backbone from a file that the user gives."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ..errors import InputError
from ..generators.checkpoint import find_weights, read_checkpoint, report_weights

PREFIX = 'features.'


def load_backbone(module: nn.Module, path: str | Path | None, model: str,
                  names: Mapping[str, str] | None = None) -> None:
    """Fill a module with the convolutions of one of torchvision's classification models.

    Args:
        module (nn.Module): Filled in place.
        path (str | Path): A state dict with torchvision's names (``features.0.weight`` …); the
            classifier may be there or not. Read with ``weights_only=True``.
        model (str): The model's name in torchvision, for messages.
        names (Mapping, optional): From the module's parameter names to those in the file.
            Default: they are the same.

    Raises:
        InputError: If no file is given, or if it does not fill the module completely.
    """
    if path is None:
        raise InputError(
            f"expected backbone_weights, the file of torchvision's {model} trained on ImageNet "
            f'(state dict, features.0.weight …), got none; they are not downloaded. Save them '
            f"with: torch.save(torchvision.models.{model}(weights='DEFAULT').state_dict(), "
            f"'{model}.pth')")
    targets = dict(module.named_parameters())
    keys = {name: names[name] if names else name for name in targets}
    found = find_weights(path, read_checkpoint(path), 'backbone',
                         lambda state: len({*keys.values()} & {*state}) / len(keys))
    state = found.state
    problems = _misfits({key: targets[name] for name, key in keys.items()}, state)
    if problems:
        raise InputError(f"{path}: expected the weights of torchvision's {model}, but "
                         f'{problems[0]}' + (f' and {len(problems) - 1} more such differences'
                                             if len(problems) > 1 else ''))
    report_weights(path, found)
    for name, parameter in targets.items():
        parameter.data.copy_(state[keys[name]])


def _misfits(targets: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    missing = [f'{key} is missing' for key in targets if key not in state]
    unexpected = [f'{key} is there' for key in state
                  if key.startswith(PREFIX) and key not in targets]
    reshaped = [f'{key} has the shape {tuple(state[key].shape)} instead of {tuple(value.shape)}'
                for key, value in targets.items()
                if key in state and state[key].shape != value.shape]
    return missing + unexpected + reshaped
