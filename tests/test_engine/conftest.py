from __future__ import annotations

import pytest
from toy_training import make_data


@pytest.fixture(scope='module', autouse=True)
def in_own_scope(own_scope):
    """Each of these modules builds Runners."""


@pytest.fixture(scope='session', autouse=True)
def quick_logs():
    """Where mmengine writes the config down, half of a short run's time goes into its layout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True),
                      raising=False)  # onedl-mmengine lays it out otherwise
        yield


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'))
