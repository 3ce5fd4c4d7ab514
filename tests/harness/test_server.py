"""What a server is started with; that it starts, answers and stops is seen in tests/host."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.environment import ROOT, Host
from harness.server import PACK_NAME, Server, ServerError, prepare_base


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    (folder / ".git").mkdir(parents=True)
    (folder / "__init__.py").touch()
    return folder


def test_a_base_folder_gets_exactly_the_packs_and_keeps_the_rest(pack: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    prepare_base(base, {"old": pack})
    (base / "output" / "kept.png").touch()
    (base / "custom_nodes" / "copied").mkdir()
    (base / "custom_nodes" / "single.py").touch()
    prepare_base(base, {"new": pack})
    assert [entry.name for entry in (base / "custom_nodes").iterdir()] == ["new"]
    assert (base / "custom_nodes" / "new" / "__init__.py").exists()
    assert (base / "output" / "kept.png").exists()
    assert (pack / "__init__.py").exists(), "removing a link must not remove what it stands for"


def test_where_links_are_not_allowed_the_pack_is_copied(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path, target_is_directory: bool = False) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    prepare_base(tmp_path / "base", {"copied": pack})
    copied = tmp_path / "base" / "custom_nodes" / "copied"
    assert [entry.name for entry in copied.iterdir()] == ["__init__.py"]


def test_the_command_runs_the_host_in_its_base_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_ARGS", raising=False)
    server = Server(
        Host(tmp_path / "host", Path(sys.executable)), tmp_path / "base", port=1234, arguments=["--deterministic"]
    )
    command = server.command()
    assert command[:3] == [sys.executable, "-u", str(tmp_path / "host" / "main.py")]
    assert command[command.index("--base-directory") + 1] == str(tmp_path / "base")
    assert command[command.index("--port") + 1] == "1234"
    assert command[-2:] == ["--cpu", "--deterministic"]
    assert server.packs == {PACK_NAME: ROOT}
    monkeypatch.setenv("COMFYUI_ARGS", "--lowvram --cuda-device 1")
    assert server.command()[-4:] == ["--lowvram", "--cuda-device", "1", "--deterministic"]


def test_only_a_running_server_can_be_waited_for(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="is not running. Start it"):
        Server(Host(tmp_path, Path(sys.executable)), tmp_path).wait()
