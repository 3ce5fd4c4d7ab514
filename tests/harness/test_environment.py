"""Finding a Python and a ComfyUI; installing and unpacking is seen whenever `run.py` runs in a fresh clone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness import environment
from harness.environment import SetupError, find_python, locate_host


@pytest.fixture
def own_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "main.py").touch()
    monkeypatch.setenv("COMFYUI_DIR", str(tmp_path))
    monkeypatch.setenv("COMFYUI_PYTHON", sys.executable)
    return tmp_path


def test_the_users_own_host_is_found_with_its_version(own_host: Path) -> None:
    assert locate_host().folder == own_host.resolve()
    assert locate_host().version == "unknown"
    (own_host / "comfyui_version.py").write_text('# generated\n__version__ = "0.33.0"\n')
    assert locate_host().version == "0.33.0"


def test_the_python_of_an_environment_is_not_resolved_to_the_one_it_was_made_from(
    own_host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "python-of-environment"
    link.symlink_to(sys.executable)
    monkeypatch.setenv("COMFYUI_PYTHON", str(link))
    assert locate_host().python == link


def test_a_folder_without_a_host_is_refused(own_host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_host / "main.py").unlink()
    with pytest.raises(SetupError, match=r"COMFYUI_DIR is '.*', but there is no main.py in it"):
        locate_host()


def test_a_host_without_its_python_is_refused(own_host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PYTHON", "no-such-python")
    with pytest.raises(SetupError, match="COMFYUI_PYTHON is 'no-such-python', which cannot be run"):
        locate_host()
    monkeypatch.delenv("COMFYUI_PYTHON")
    with pytest.raises(SetupError, match="COMFYUI_PYTHON is not. Set it"):
        locate_host()


def test_before_the_setup_it_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_DIR", raising=False)
    monkeypatch.setattr(environment, "HOSTS", tmp_path)
    with pytest.raises(SetupError, match=r"Run `python run.py setup`"):
        locate_host()


def test_a_python_without_wheels_is_refused_unless_another_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_python() == Path(sys.executable)
    monkeypatch.setattr(environment, "OLDEST_PYTHON", (3, 97))
    monkeypatch.setattr(environment, "NEWEST_PYTHON", (3, 98))
    with pytest.raises(SetupError, match=r"but the pinned packages need 3\.97 to 3\.98"):
        find_python()
    fitting = tmp_path / "python3.98"
    fitting.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if sys.platform != "win32":  # there, which() looks for names with an extension only
        assert find_python() == fitting
