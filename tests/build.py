"""Builds the archive, looks at it as Galaxy does, and uses it as someone does who has only that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNWANTED = {".ci", ".config", ".git", ".venv", "build", "examples", "molecule", "tests"}
REQUIREMENTS = ROOT / "requirements-galaxy.txt"
# ansible-lint and ansible-test are parts of their own (lint, sanity).
IMPORTER = {
    "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "1",
    "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "0",
    "GALAXY_IMPORTER_RUN_ANSIBLE_TEST": "0",
}
# What stands for a plugin of each kind; a filter's documentation may be a file beside its code.
SOURCES = {
    "module": "plugins/modules/*.py",
    "filter": "plugins/filter/*.yml",
    "callback": "plugins/callback/*.py",
    "role": "roles/*/meta/argument_specs.yml",
}


def call(*command: str, cwd: str | Path = "/", **environment: str) -> str:
    """What a command printed on both of its outputs."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def build(folder: Path) -> Path:
    """The archive, which holds what it should and no more."""
    call("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT))
    (archive,) = folder.glob("cryptobot-native-*.tar.gz")
    with tarfile.open(archive) as contents:
        names = contents.getnames()
    if found := sorted({name.split("/")[0] for name in names} & UNWANTED):
        sys.exit(f"The archive holds {', '.join(found)}. Name them under build_ignore in galaxy.yml.")
    print(f"{archive.name}: {len(names)} files, {archive.stat().st_size // 1024} KiB")
    return archive


def documented(collection: Path, own: dict[str, str]) -> None:
    """Every plugin and every entry point of a role can be read by ansible-doc."""
    for kind, pattern in SOURCES.items():
        listed = call("ansible-doc", "--type", kind, "--list", "cryptobot.native", **own)
        names = sorted(
            {line.split()[0].rstrip(":") for line in listed.splitlines() if line.startswith("cryptobot.native.")}
        )
        if len(names) < len(list(collection.glob(pattern))):
            sys.exit(f"ansible-doc lists {len(names)} of kind {kind}; there are more files {pattern}:\n{listed}")
        shown = call("ansible-doc", "--type", kind, *names, **own)
        if missing := [name for name in names if name not in shown]:
            sys.exit(f"ansible-doc --type {kind} shows nothing of {', '.join(missing)}.")
        print(f"ansible-doc: {kind}: {len(names)}")


def playable(collection: Path, own: dict[str, str]) -> None:
    """Every playbook is found by its name and can be read."""
    for playbook in sorted(collection.glob("playbooks/*.yml")):
        name = f"cryptobot.native.{playbook.stem}"
        call("ansible-playbook", "--syntax-check", "-i", "localhost,", name, **own)
        print(f"playbook: {name}")


def linted(archive: Path, collection: Path, folder: Path, own: dict[str, str]) -> None:
    """What looks at collections before they are published finds nothing."""
    uv = str(Path(sys.executable).with_name("uv"))
    tools = folder / "tools"
    call(uv, "venv", "--quiet", "--python", sys.executable, str(tools))
    prepared = {"VIRTUAL_ENV": str(tools), "UV_SYSTEM_CERTS": "1"}
    call(uv, "pip", "sync", "--quiet", "--require-hashes", str(REQUIREMENTS), **prepared)
    own = own | {"PATH": f"{tools / 'bin'}:{os.environ['PATH']}"}

    call(str(tools / "bin/antsibull-changelog"), "lint", cwd=collection, **own)
    print("antsibull-changelog lint: clean")
    words = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", "."]
    call(str(tools / "bin/antsibull-docs"), *words, cwd=collection, **own)
    print("antsibull-docs lint-collection-docs: clean")
    said = call(str(tools / "bin/python"), "-m", "galaxy_importer.main", str(archive), cwd=folder, **own, **IMPORTER)
    if findings := re.findall(r"^(?:WARNING|ERROR).*$", said, re.MULTILINE):
        sys.exit("galaxy-importer found:\n" + "\n".join(findings))
    if "Importer processing completed successfully" not in said:
        sys.exit(f"galaxy-importer did not come to its end:\n{said}")
    print("galaxy-importer: clean")


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = build(folder)
        installed = folder / "collections"
        # No server is asked: what the collection depends on comes with the ansible package.
        call("ansible-galaxy", "collection", "install", "--offline", str(archive), "-p", str(installed))
        collection = installed / "ansible_collections" / "cryptobot" / "native"
        # As someone has it who knows no configuration of ours.
        configuration = folder / "ansible.cfg"
        configuration.write_text("[defaults]\n", encoding="utf-8")
        own = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "ANSIBLE_CONFIG": str(configuration), "ANSIBLE_NOCOLOR": "1"}
        documented(collection, own)
        playable(collection, own)
        linted(archive, collection, folder, own)


if __name__ == "__main__":
    main()
