"""A small disk of the campaign's own that can be filled to the last byte: a tmpfs, where we may mount one."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = 1024  # megabytes at most; memory is only taken for what is stored


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False

    def mount(self) -> bool:
        """False where we may not; the folder is then an ordinary one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0700", "aftersales-faults", str(self.folder)]
            with suppress(OSError):
                self.mounted = subprocess.run(command, capture_output=True).returncode == 0
        return self.mounted

    def fill(self) -> None:
        """Not a byte is left for anybody."""
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with suppress(OSError):
                free = os.statvfs(self.folder)
                os.posix_fallocate(file, 0, free.f_bavail * free.f_frsize)
            with suppress(OSError):
                while os.write(file, bytes(4096)):
                    pass
        finally:
            os.close(file)

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        if self.mounted:
            self.mounted = subprocess.run(["umount", "-l", str(self.folder)], capture_output=True).returncode != 0

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"
