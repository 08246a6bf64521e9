from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmdesra.files.download import DownloadError, fetch_weights

CONTENT = b'weights'
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:8]


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    (tmp_path / 'www').mkdir()
    handler = partial(Handler, directory=str(tmp_path / 'www'))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache/hub/checkpoints'


@pytest.mark.parametrize('name', [f'model-{DIGITS}.pth', 'model.pth'])
def test_downloads_once(server, tmp_path, cache, name):
    source = tmp_path / 'www' / name
    source.write_bytes(CONTENT)
    path = fetch_weights(f'{server}/{name}', 'do without')
    assert path == cache / name
    assert path.read_bytes() == CONTENT
    source.unlink()
    assert fetch_weights(f'{server}/{name}', 'do without') == path


def test_another_file_than_the_name_promises(server, tmp_path, cache):
    (tmp_path / 'www/model-01234567.pth').write_bytes(CONTENT)
    with pytest.raises(DownloadError, match=f'invalid hash value .*01234567.*{DIGITS}'):
        fetch_weights(f'{server}/model-01234567.pth', 'do without')
    assert list(cache.iterdir()) == []


def test_an_address_without_a_file(server, cache):
    with pytest.raises(DownloadError) as error:
        fetch_weights(f'{server}/model.pth', 'do without')
    assert f'{server}/model.pth cannot be downloaded' in str(error.value)
    assert '404' in str(error.value)
    assert f'put it at {cache / "model.pth"}, or do without' in str(error.value)
    assert list(cache.iterdir()) == []
