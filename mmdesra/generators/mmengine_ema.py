"""mmengine's checkpoints with a moving average, in which the usual names are swapped.

``EMAHook`` (mmengine/hooks/ema_hook.py) exchanges the two before it saves, so that
``state_dict`` can be used as it is: it holds the average, and ``ema_state_dict`` the weights that
were trained.
"""
from __future__ import annotations

from collections.abc import Mapping

MODEL_KEY, EMA_KEY = 'state_dict', 'ema_state_dict'
COUNTER, PREFIX = 'steps', 'module.'
"""What mmengine's averaged model calls its count of updates and its copy of the model."""


def is_swapped_by_mmengine(content: Mapping) -> bool:
    """Whether ``state_dict`` is the average in a checkpoint, and ``ema_state_dict`` is not.

    Told by the names of mmengine's averaged model. What has no ``module.`` the hook does not
    exchange.
    """
    average = content.get(EMA_KEY)
    if not isinstance(average, Mapping) or not isinstance(content.get(MODEL_KEY), Mapping):
        return False
    names = [str(name) for name in average]
    weights = [name for name in names if name != COUNTER]
    if not weights or not all(name.startswith(PREFIX) for name in weights):
        return False
    meta = content.get('meta')
    is_of_a_runner = ((isinstance(meta, Mapping) and 'mmengine_version' in meta)
                      or 'message_hub' in content)
    return COUNTER in names or is_of_a_runner
