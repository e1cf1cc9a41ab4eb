"""Builds the archive, installs it where nothing else is, and uses it as someone does who has only that."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNWANTED = {".ci", ".config", ".git", ".venv", "build", "examples", "molecule", "tests"}


def call(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd="/", env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        call("ansible-galaxy", "collection", "build", "--output-path", temporary, str(ROOT))
        (archive,) = Path(temporary).glob("cryptobot-native-*.tar.gz")
        with tarfile.open(archive) as contents:
            names = contents.getnames()
        if found := sorted({name.split("/")[0] for name in names} & UNWANTED):
            sys.exit(f"The archive holds {', '.join(found)}. Name them under build_ignore in galaxy.yml.")

        installed = str(Path(temporary, "collections"))
        # No server is asked: what the collection depends on comes with the ansible package.
        call("ansible-galaxy", "collection", "install", "--offline", str(archive), "-p", installed)
        # As someone has it who knows no configuration of ours.
        configuration = Path(temporary, "ansible.cfg")
        configuration.write_text("[defaults]\n", encoding="utf-8")
        own = {"ANSIBLE_COLLECTIONS_PATH": installed, "ANSIBLE_CONFIG": str(configuration)}
        for kind in ("module", "filter", "callback", "role"):
            documented = call("ansible-doc", "--type", kind, "--list", "cryptobot.native", **own)
            print(f"{kind}: {len(documented.splitlines())} documented")
            if kind != "role":
                call("ansible-doc", "--type", kind, *(line.split()[0] for line in documented.splitlines()), **own)
        for playbook in sorted(Path(installed).glob("ansible_collections/cryptobot/native/playbooks/*.yml")):
            name = f"cryptobot.native.{playbook.stem}"
            call("ansible-playbook", "--syntax-check", "-i", "localhost,", name, **own)
            print(f"playbook: {name}")
        print(f"{archive.name}: {len(names)} files, {archive.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
