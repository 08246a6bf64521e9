"""A headless Chromium driven through its debugging pipe, without any other package."""
from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time

CHROMIUM = next(filter(None, map(shutil.which, (
    'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'))), None)
FLAGS = (
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-quic', '--disable-extensions', '--hide-scrollbars', '--mute-audio',
    # Nothing slows down, waits or is dropped because nobody seems to be looking.
    '--allow-pre-commit-input', '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
    '--disable-back-forward-cache', '--remote-debugging-pipe')
PAGE = """(() => {
    const active = document.activeElement, stored = {};
    try { Object.assign(stored, localStorage); } catch (error) { stored.error = String(error); }
    return {url: location.href, state: document.readyState, visible: document.visibilityState,
        focused: [document.hasFocus(), active && active.outerHTML.slice(0, 200)],
        busy: document.querySelectorAll('[aria-busy=true]').length, at: performance.now(),
        stored: stored, text: document.body && document.body.innerText.slice(0, 2000)};
})()"""
PATIENCE = 60  # seconds for an answer or a condition; only a hang takes so long


class Browser:
    """One tab. As a context manager; what goes wrong in pages is in ``problems``.

    Args:
        folder: A new folder for the browser's profile.
    """

    def __init__(self, folder):
        self.folder = folder
        self.problems, self.requests = [], []
        self._events, self._buffer, self._count = [], b'', 0

    def __enter__(self):
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def set_pipes():  # the browser reads from 3 and writes to 4
            reading, writing = os.dup(to_read), os.dup(to_write)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        with (self.folder / 'chromium.log').open('wb') as log:
            self._process = subprocess.Popen(
                [CHROMIUM, *FLAGS, f'--user-data-dir={self.folder}', 'about:blank'],
                preexec_fn=set_pipes, close_fds=False, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(to_read)
        os.close(to_write)
        try:
            tab = next(target for target in self._wait_for_tab() if target['type'] == 'page')
            self._session = self.call('Target.attachToTarget', targetId=tab['targetId'],
                                      flatten=True)['sessionId']
            for domain in ('Page', 'Runtime', 'Network', 'Log'):
                self.call(f'{domain}.enable')
            self.call('Page.setLifecycleEventsEnabled', enabled=True)
            self.call('Emulation.setFocusEmulationEnabled', enabled=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # All processes of the browser: they share a session of their own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **params):
        """Send a command of the DevTools protocol and return its result."""
        self._count += 1
        message = dict(id=self._count, method=method, params=params)
        if getattr(self, '_session', None):
            message['sessionId'] = self._session
        os.write(self._to, json.dumps(message).encode() + b'\0')
        answer = self._receive(method, lambda got: got.get('id') == self._count)
        assert 'error' not in answer, f'{method}: {answer}'
        return answer['result']

    def open(self, path, width=1280, height=900, dark=False, fragment=''):
        """Load a file and wait until it is parsed."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call('Emulation.setTouchEmulationEnabled', enabled=width < 600)
        self.call('Emulation.setEmulatedMedia', features=[
            dict(name='prefers-color-scheme', value='dark' if dark else 'light')])
        self.call('Page.navigate', url='about:blank')  # a new fragment alone loads nothing
        self._events.clear()
        loader = self.call('Page.navigate', url=path.as_uri() + fragment)['loaderId']
        self._receive('load', lambda got: got.get('method') == 'Page.lifecycleEvent'
                      and (got['params']['loaderId'], got['params']['name']) == (loader, 'load'),
                      self._events)

    def run(self, script):
        """Run JavaScript in the page; a promise is awaited."""
        answer = self.call('Runtime.evaluate', expression=script, returnByValue=True,
                           awaitPromise=True)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def settle(self):
        """Wait until observers and images have caught up."""
        # A new observer is told of its element after the page's own, in the next frame. What they
        # do may bring other elements into view: hence a second time, and a third.
        self.run("""(async () => {
            for (const round of [1, 2, 3]) {
                await new Promise(done => new IntersectionObserver((_, observer) => {
                    observer.disconnect();
                    setTimeout(done, 20);
                }).observe(document.documentElement));
                const images = [...document.images].filter(image => image.src);
                await Promise.all(images.map(image => image.decode().catch(() => 0)));
            }
            await new Promise(requestAnimationFrame);
        })().then(() => 0)""")

    def wait_for(self, condition):
        """Wait until a condition in JavaScript is true; if it never is, tell what is there."""
        end = time.monotonic() + PATIENCE
        while not self.run(condition):
            assert time.monotonic() < end, (
                f'not true within {PATIENCE} s: {condition}\nproblems: {self.problems}\n'
                f'page: {json.dumps(self.run(PAGE), indent=1, ensure_ascii=False)}')
            time.sleep(0.05)

    def press(self, key, code=None, shift=False):
        """Press a key on whatever has the focus."""
        for kind in ('rawKeyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=code or key,
                      modifiers=8 * shift)

    def drag(self, start, end):
        """Drag the mouse from (x, y) to (x, y)."""
        middle = [(a + b) / 2 for a, b in zip(start, end)]
        for kind, (x, y) in (('mouseMoved', start), ('mousePressed', start),
                             ('mouseMoved', middle), ('mouseMoved', end), ('mouseReleased', end)):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left',
                      buttons=int(kind != 'mouseReleased'), clickCount=1)

    def swipe(self, start, end, steps=6):
        """Drag a finger from (x, y) to (x, y)."""
        for step in range(steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end))
            self.call('Input.dispatchTouchEvent', type='touchMove' if step else 'touchStart',
                      touchPoints=[dict(x=x, y=y)])
        self.call('Input.dispatchTouchEvent', type='touchEnd', touchPoints=[])

    def screenshot(self):
        """What is on the screen, as a PNG."""
        return base64.b64decode(self.call('Page.captureScreenshot')['data'])

    def _wait_for_tab(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            targets = self.call('Target.getTargets')['targetInfos']
            if any(target['type'] == 'page' for target in targets):
                return targets
            time.sleep(0.05)
        raise TimeoutError('Chromium opened no page')

    def _receive(self, name, wanted, past=()):
        """The first message that is wanted; events on the way are noted."""
        for message in past:
            if wanted(message):
                return message
        end = time.monotonic() + PATIENCE
        while True:
            while b'\0' in self._buffer:
                text, self._buffer = self._buffer.split(b'\0', 1)
                message = json.loads(text)
                self._note(message)
                if wanted(message):
                    return message
            left = end - time.monotonic()
            if left < 0 or not select.select([self._from], [], [], left)[0]:
                raise TimeoutError(f'Chromium did not answer within {PATIENCE} s: {name}')
            chunk = os.read(self._from, 1 << 20)
            if not chunk:
                log = (self.folder / 'chromium.log').read_text(errors='replace')
                raise RuntimeError(f'Chromium ended: {log[-2000:]}')
            self._buffer += chunk

    def _note(self, message):
        method, params = message.get('method'), message.get('params', {})
        if method:
            self._events.append(message)
        if method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'][:100])
        elif method == 'Runtime.exceptionThrown':
            self.problems.append(params['exceptionDetails'])
        elif method == 'Log.entryAdded' and params['entry']['level'] in ('warning', 'error'):
            self.problems.append(params['entry'])
        elif method == 'Runtime.consoleAPICalled' and params['type'] in ('warning', 'error'):
            self.problems.append(params)
