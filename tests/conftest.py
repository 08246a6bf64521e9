from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine may take its time over an example. What CI=1 sets otherwise stays.
settings.register_profile('patient', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('patient')

# Runs that are compared byte by byte did not begin in the same minute.
os.environ.setdefault('SOURCE_DATE_EPOCH', '1700000000')


@pytest.fixture(scope='session', autouse=True)
def no_waiting_for_the_disk():
    """The tests write thousands of files that no power cut will ask for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmdesra.files.atomic._wait_for_content', lambda path: None)
        patch.setattr('mmdesra.files.atomic._wait_for_entry', lambda folder: None)
        yield


@pytest.fixture(scope='module')
def own_scope():
    """Takes back the default scope that a Runner of MMagic's leaves for the whole process."""
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope('mmengine'):
        yield
