from __future__ import annotations

import pytest
from browser import Browser


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    """A headless Chromium for the pages of a file of tests."""
    with Browser(tmp_path_factory.mktemp('browser')) as browser:
        yield browser
