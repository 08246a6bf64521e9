from __future__ import annotations

import pytest
from mmengine.registry import DefaultScope
from toy_training import make_data


@pytest.fixture(scope='module', autouse=True)
def own_scope():
    """Takes back the default scope that a Runner leaves behind for the whole process."""
    with DefaultScope.overwrite_default_scope('mmengine'):
        yield


@pytest.fixture(scope='session', autouse=True)
def quick_logs():
    """Where mmengine writes the config down, half of a short run's time goes into its layout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'))
