"""More processes than GPUs: who starts the group, and with which GPU."""
from __future__ import annotations

import pytest
from mmengine.config import Config

from mmdesra.engine import process_group


@pytest.fixture
def started(monkeypatch):
    """Return what a process of torchrun's asks PyTorch for, given its rank and the GPUs."""
    def join(local_rank: int, gpus: int, processes: int | None = 2) -> tuple[Config, dict]:
        asked: dict = {}
        for name in process_group.VARIABLES['pytorch']:
            monkeypatch.setenv(name, '0')
        monkeypatch.setenv('LOCAL_RANK', str(local_rank))
        monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)
        if processes is not None:
            monkeypatch.setenv('LOCAL_WORLD_SIZE', str(processes))
        monkeypatch.setattr('torch.cuda.is_available', lambda: gpus > 0)
        monkeypatch.setattr('torch.cuda.device_count', lambda: gpus)
        monkeypatch.setattr('torch.cuda.set_device', lambda index: asked.update(gpu=index))
        monkeypatch.setattr('torch.distributed.init_process_group',
                            lambda backend: asked.update(backend=backend))
        config = Config(dict(model_wrapper_cfg=dict(type=process_group.MODEL_WRAPPER)))
        process_group.join_process_group(config, 'pytorch')
        return config, asked
    return join


@pytest.mark.parametrize('local_rank,gpus,gpu', [(0, 1, 0), (1, 1, 0), (3, 2, 1)])
def test_processes_share_the_gpus_that_are_there(started, local_rank, gpus, gpu):
    config, asked = started(local_rank, gpus, processes=4)
    assert asked == dict(gpu=gpu, backend='gloo')
    assert config.model_wrapper_cfg.device_ids is None


@pytest.mark.parametrize('gpus,processes', [(2, 2), (8, 2), (1, None)])
def test_with_a_gpu_for_each_the_runner_does_it_all(started, gpus, processes):
    config, asked = started(1, gpus, processes)
    assert asked == {} and 'device_ids' not in config.model_wrapper_cfg
    assert config.launcher == 'pytorch'


def test_without_a_gpu_they_share_the_processor(started):
    assert started(1, 0)[1] == dict(backend='gloo')
