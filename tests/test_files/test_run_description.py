"""What a result says of the run that made it."""
from __future__ import annotations

import datetime
import hashlib
import json
import shlex
from importlib import metadata

import pytest
import torch

from mmdesra.errors import InputError
from mmdesra.files import hashes, run_description
from mmdesra.files.run_description import (
    DATE_VARIABLE,
    FILE,
    command_line,
    describe_folder,
    describe_run,
    describe_weights,
    package_versions,
    read_description,
    today,
)
from mmdesra.version import __version__

SETTINGS = dict(detector=dict(type='DeSRA', threshold=0.7), labels=None)
FIRST, LATER = '1000000000', '1000003600'  # 2001-09-09 01:46:40 and an hour later, UTC


@pytest.fixture
def weights(tmp_path):
    (tmp_path / 'some where').mkdir()
    path = tmp_path / 'some where/gan.pth'
    path.write_bytes(b'weights' * 1000)
    return path


@pytest.fixture
def at(monkeypatch):
    """Set the clock."""
    return lambda seconds: monkeypatch.setenv(DATE_VARIABLE, seconds)


def test_what_it_says(weights, monkeypatch, at):
    at(FIRST)
    monkeypatch.setattr('sys.argv', ['mmdesra detect', '--lq', 'my photos', '--out', "it's"])
    run = describe_run(SETTINGS, {'GAN-SR': weights, 'MSE-SR': None})
    assert run.settings == SETTINGS
    digest = hashlib.sha256(b'weights' * 1000).hexdigest()
    assert run.to_dict()['weights'] == {'GAN-SR': dict(file='gan.pth', sha256=digest)}
    assert run.begun == '2001-09-09 01:46 UTC'
    assert shlex.split(run.command) == ['mmdesra', 'detect', '--lq', 'my photos', '--out', "it's"]
    assert run.versions['mmdesra'] == __version__
    assert run.versions['numpy'] == metadata.version('numpy')
    assert run.versions['torch'] == torch.__version__
    rows = dict(run.rows())
    assert rows['weights of GAN-SR'] == f'gan.pth (SHA-256 {digest[:16]}…)'
    assert f'mmdesra {__version__}, python 3.' in rows['made with']
    assert 'some where' not in str(rows) and 'photos' not in str(rows)  # a page may go anywhere


def test_packages_that_are_not_there_are_not_named(monkeypatch):
    monkeypatch.setattr(run_description, 'PACKAGES', ('numpy', 'no-such-package'))
    assert list(package_versions()) == ['mmdesra', 'python', 'numpy', 'torch']


def test_a_program_with_a_space_in_its_path(monkeypatch):
    monkeypatch.setattr('sys.argv', ['/my tools/detect.py', 'x'])
    assert shlex.split(command_line()) == ['/my tools/detect.py', 'x']


def test_a_file_of_weights_is_read_once_unless_it_changes(weights, monkeypatch):
    read = []
    original = hashes.file_sha256
    monkeypatch.setattr(hashes, 'file_sha256', lambda path: read.append(path) or original(path))
    first = describe_weights(weights)
    assert describe_weights(weights) == describe_weights(str(weights)) == first
    assert len(read) == 1
    weights.write_bytes(b'others')
    assert describe_weights(weights).sha256 == hashlib.sha256(b'others').hexdigest()
    assert len(read) == 2


def test_weights_that_are_gone_are_named_and_this_is_said(tmp_path, caplog):
    found = describe_weights(tmp_path / 'gone.pth')
    assert (found.file, found.sha256) == ('gone.pth', '')
    assert 'gone.pth: its SHA-256 is not noted' in caplog.text
    assert 'unknown' in str(found)


def test_it_is_read_back(tmp_path, weights):
    written = describe_folder(tmp_path, SETTINGS, {'GAN-SR': weights})
    assert read_description(tmp_path) == written
    assert not list(tmp_path.glob('*.part'))
    assert read_description(tmp_path / 'elsewhere') is None


def test_a_resumed_run_keeps_when_and_how_it_began(tmp_path, weights, monkeypatch, at):
    at(FIRST)
    monkeypatch.setattr('sys.argv', ['mmdesra detect', '--out', 'a'])
    first = describe_folder(tmp_path, SETTINGS, {'GAN-SR': weights})
    content = (tmp_path / FILE).read_bytes()
    at(LATER)
    monkeypatch.setattr('sys.argv', ['mmdesra detect', '--out', 'a', '--resume'])
    assert describe_folder(tmp_path, SETTINGS, {'GAN-SR': weights}, goes_on=True) == first
    assert (tmp_path / FILE).read_bytes() == content
    anew = describe_folder(tmp_path, SETTINGS, {})
    assert anew.begun == '2001-09-09 02:46 UTC' and anew.command.endswith('--resume')
    assert read_description(tmp_path) == anew


def test_a_resume_with_other_versions_says_so(tmp_path, monkeypatch, at):
    at(FIRST)
    first = describe_folder(tmp_path, SETTINGS, {})
    at(LATER)
    monkeypatch.setattr(run_description, '__version__', '99')
    for _ in range(2):  # once for each change
        found = describe_folder(tmp_path, SETTINGS, {}, goes_on=True)
    assert found.versions == first.versions and found.begun == first.begun
    one, = found.resumed
    assert one['date'] == '2001-09-09 02:46 UTC' and one['versions']['mmdesra'] == '99'
    assert dict(found.rows())['resumed'].startswith('2001-09-09 02:46 UTC, with mmdesra 99, ')
    assert read_description(tmp_path) == found


def test_a_run_of_an_earlier_version_is_gone_on_with(tmp_path, at):
    """It left no description, so that nobody knows when it began."""
    at(LATER)
    found = describe_folder(tmp_path, SETTINGS, {}, goes_on=True)
    assert found.begun == 'before 2001-09-09 02:46 UTC'
    assert describe_folder(tmp_path, SETTINGS, {}, goes_on=True) == found


@pytest.mark.parametrize('content', [
    '{"distance": "10 km"}', '[]', 'not JSON', json.dumps(dict(
        format='mmdesra run', settings={}, weights={'GAN-SR': 'gan.pth'}, versions={}, begun='',
        command=''))])
def test_a_file_of_somebody_else_stays(tmp_path, caplog, content):
    (tmp_path / FILE).write_text(content)
    for goes_on in (False, True):
        assert describe_folder(tmp_path, SETTINGS, {}, goes_on=goes_on).settings == SETTINGS
    assert (tmp_path / FILE).read_text() == content
    assert f'{FILE}: ' in caplog.text and 'left as it is' in caplog.text
    with pytest.raises(InputError, match='left as it is'):
        read_description(tmp_path)


@pytest.mark.parametrize('value', ['tomorrow', '9' * 12, '9' * 30])
def test_a_date_that_is_none(at, caplog, value):
    at(value)
    this_year = datetime.datetime.now(datetime.timezone.utc).year
    assert today().startswith(('20', '21')) and abs(int(today()[:4]) - this_year) <= 1
    assert f'{DATE_VARIABLE}: ' in caplog.text
