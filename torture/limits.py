"""What one input may cost: seconds of the processor, and memory; the system ends the process that takes more.

Seconds of the processor, not of the clock, so that a busy machine changes nothing.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
LINUX = sys.platform == "linux"  # elsewhere memory is not limited


class Limits:
    """Limits for one input after the other; `begin` before each, `end` behind it."""

    def __init__(self, seconds: float, memory: int) -> None:
        self._seconds, self._memory = seconds, memory
        self._resident = 0

    def begin(self) -> None:
        """From here on what is taken counts."""
        if LINUX:
            PEAK.write_text("5")
            self._resident = _read("VmRSS")
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (_read("VmData") + self._memory, hard))
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def end(self) -> tuple[float, int]:
        """Seconds and bytes that were taken."""
        left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
        if not LINUX:
            return self._seconds - left, 0
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
        return self._seconds - left, max(0, _read("VmHWM") - self._resident)


def _read(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])
