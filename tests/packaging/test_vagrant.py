"""The Vagrantfile, read by Vagrant itself. What a machine made from it can do needs a hypervisor;
that its settings exist and mean something does not."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["libvirt", "virtualbox"])
def validate(request, tmp_path):
    """Has Vagrant validate the Vagrantfile in a folder, with the settings of one provider."""
    # Vagrant asks VirtualBox for its version before it looks at VirtualBox's settings.
    stand_in = tmp_path / "bin" / "VBoxManage"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\necho 6.1.50r161033\n")
    stand_in.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_DEFAULT_PROVIDER": request.param,
        "VAGRANT_DOTFILE_PATH": str(tmp_path / "machines"),
        "VAGRANT_HOME": str(tmp_path / "home"),
    }

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["vagrant", "validate"],
            cwd=tmp_path,
            env=environment | {"VAGRANT_CWD": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def doctored(tmp_path: Path, old: str, new: str) -> Path:
    text = (ROOT / "Vagrantfile").read_text()
    assert old in text
    folder = tmp_path / "doctored"
    folder.mkdir()
    (folder / "Vagrantfile").write_text(text.replace(old, new))
    return folder


def test_vagrant_finds_the_vagrantfile_valid(validate):
    outcome = validate(ROOT)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("machine.memory =", "machine.memry =", "memry"),
        ("config.vm.hostname =", "config.vm.hostnam =", "hostnam"),
        ('"rsync",', '"by hand",', "by hand"),
        ("\nend\n", "\n", "syntax"),
    ],
)
def test_vagrant_refuses_a_doctored_vagrantfile(validate, tmp_path, old, new, complaint):
    outcome = validate(doctored(tmp_path, old, new))
    assert outcome.returncode != 0
    assert complaint in outcome.stdout + outcome.stderr
