"""Environment variables for a while: set, taken away, and put back."""
from __future__ import annotations

import os

import pytest

from mmdesra.files.environment import environment


def test_variables_are_set_and_taken_away_and_put_back(monkeypatch):
    monkeypatch.setenv('KEPT', 'before')
    monkeypatch.setenv('GONE', 'before')
    monkeypatch.delenv('NEW', raising=False)
    with pytest.raises(KeyError), environment(dict(KEPT='within', GONE=None, NEW='within')):
        assert (os.environ['KEPT'], os.environ.get('GONE'), os.environ['NEW']) == (
            'within', None, 'within')
        del os.environ['KEPT']
        os.environ['GONE'] = 'by the block'
        raise KeyError
    assert (os.environ['KEPT'], os.environ['GONE'], os.environ.get('NEW')) == (
        'before', 'before', None)
