"""A disk that is full, or can only be read: a small one of its own where that is possible."""
from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = 4096


class Disk:
    """A folder whose disk can be made small and read-only.

    As root under Linux it is a file system of its own (tmpfs) and what happens is real. Elsewhere
    a limit on the size of files stands for a full one, and permissions for a read-only one.

    Args:
        path (Path): Where to make it. The folder to write into, :attr:`path`, is in it.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._root, self.path = path, path / 'results'
        self.is_real = os.geteuid() == 0 and self._mount('-t', 'tmpfs', '-o', 'size=64m', 'tmpfs')
        self.path.mkdir()
        (path / 'filler').write_bytes(bytes(PAGE))  # for tmpfs a size of 0 is no limit

    def _mount(self, *options: str) -> bool:
        try:
            return not subprocess.run(['mount', *options, str(self._root)], capture_output=True,
                                      check=False).returncode
        except FileNotFoundError:
            return False

    @property
    def can_be_read_only(self) -> bool:
        """Whether it can: root may write whatever the permissions are."""
        return self.is_real or os.geteuid() != 0

    @contextmanager
    def with_space_for(self, size: int) -> Iterator[None]:
        """Let it be full when so many bytes more have been written."""
        if self.is_real:
            status = os.statvfs(self.path)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            assert self._mount('-o', f'remount,size={used + size // PAGE * PAGE}')
            yield
            self._mount('-o', 'remount,size=64m')
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (min(size, PAGE), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nothing be written."""
        if self.is_real:
            assert self._mount('-o', 'remount,ro')
        else:
            self.path.chmod(0o555)
        try:
            yield
        finally:
            if self.is_real:
                self._mount('-o', 'remount,rw')
            else:
                self.path.chmod(0o755)

    def close(self) -> None:
        """Unmount it; what it holds is gone."""
        if self.is_real:  # lazily: a logger may hold a file open
            subprocess.run(['umount', '-l', str(self._root)], check=True)
