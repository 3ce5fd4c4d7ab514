"""Ending a program ends what it started."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment import ROOT
from harness.processes import call, step, wait_or_end

CHILD = """
import sys, time
try:
    print("up", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit("put away")
"""
PARENT = f"""
import sys
from harness.processes import call, end_children_on_termination
end_children_on_termination()
call([sys.executable, "-c", {CHILD!r}])
"""


def test_call_returns_the_exit_code(tmp_path: Path) -> None:
    assert call([sys.executable, "-c", "import sys; sys.exit(3)"], cwd=tmp_path) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows ends processes without asking them")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("start", ["", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_the_child_of_an_ended_program_can_put_its_things_away(start: str, number: signal.Signals) -> None:
    """Also where the program was started in the background, which makes it ignore Ctrl-C."""
    command = [sys.executable, "-c", start + PARENT]
    parent = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    # Ctrl-C goes to every program in the terminal; a polite kill to the one that is named.
    end = os.killpg if number == signal.SIGINT else os.kill
    end(parent.pid, number)
    _, errors = parent.communicate(timeout=30)
    assert "put away" in errors
    assert parent.returncode in (128 + number, -number, 1)


def test_a_program_that_does_not_stop_is_ended() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    wait_or_end(process, grace=0.2)
    process.stdout.close()
    assert process.returncode not in (None, 0), "it ended by itself"


def test_a_step_says_what_it_does_and_how_long_it_took(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), step("wait"):
        pass
    assert caplog.messages == ["wait ...", "... done in 0.0 s"]
