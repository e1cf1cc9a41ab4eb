"""Every command that README and docs name exists as they write it, and a test runs it."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ansible.cli.adhoc import AdHocCLI
from ansible.cli.galaxy import GalaxyCLI
from ansible.cli.playbook import PlaybookCLI

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/*.md", "roles/*/README.md", "inventories/*/README.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
    # Generated from code, whose own examples are checked by ansible-test.
    if path.name not in ("modules.md", "filters.md")
)
PROGRAM = r"(?:\$ |\.venv/bin/)?(?:ansible[a-z-]*|make|python|tests/[^\s`]+) "
# What stands for a value in a command of the docs.
PLACEHOLDER = re.compile(r"\bNAME\b|\bDIR\b|\bFILE\b|\bINVENTORY\b")

# Which test runs a command: the file, and how the command looks there.
RUN = {
    r"ansible-galaxy collection build": ("tests/build.py", '"collection", "build"'),
    r"ansible-galaxy collection install": ("tests/build.py", '"collection", "install"'),
    r"ansible localhost .* -m cryptobot.native.files_compare": ("tests/plants/files", "files_compare"),
    r"ansible-playbook site.yml": ("molecule/default/converge.yml", "site.yml"),
    r"apt-get (update|install)|python3 -m venv|pip install|git clone": (
        "molecule/newcomer/tests/test_newcomer.py",
        "README.md",
    ),
    r"compose/init|docker-compose up": ("tests/hosts/compose.py", "compose/init"),
    r"./journey.py": ("molecule/default/tests/test_platform.py", "journey.py"),
    r"^(systemctl status|journalctl|curl|grep) ": (
        "molecule/newcomer/tests/test_newcomer.py",
        '"systemctl status", "journalctl", "apt-get install", "curl", "grep"',
    ),
    r"tests/seed/postgresql.py": ("tests/bench/data/postgresql.py", "seed"),
    r"tests/hosts/host (create|remove) ": ("molecule/default/create.yml", "hosts/host"),
    r"tests/cutover/window/crash.py": ("tests/run.py", "tests/cutover/window/crash.py"),
    r"tests/cutover/on_host.py -m pytest": ("tests/run.py", "tests/cutover/on_host.py"),
}
PLAYBOOKS = {
    "adopt": "molecule/router/tests/test_router.py",
    "backup": "molecule/migration/tests/test_migration.py",
    "cut_over": "molecule/cutover/tests/test_cutover.py",
    "import_configuration": "molecule/source/tests/test_source.py",
    "init": "README.md",
    "inventory_report": "molecule/newcomer/tests/test_newcomer.py",
    "migrate": "molecule/migration/tests/test_migration.py",
    "plan": "molecule/migration/tests/test_migration.py",
    "preflight": "molecule/source/tests/test_source.py",
    "release": "molecule/release/tests/shelf.py",
    "release_ports": "molecule/router/tests/test_router.py",
    "restore": "molecule/migration/tests/test_migration.py",
    "rollback": "molecule/migration/tests/test_migration.py",
    "rollback_release": "molecule/release/tests/shelf.py",
    "secrets": "tests/unit/test_inventories.py",
    "site": "molecule/default/converge.yml",
    "status": "tests/unit/test_inventories.py",
    "uninstall": "molecule/uninstall/tests/test_uninstall.py",
    "validate": "tests/unit/test_inventories.py",
    "verify": "molecule/migration/tests/test_migration.py",
}
# Only `make` itself runs these: what they start is measured or shown to a person, and no test waits for it.
BY_HAND = {
    "bench-cutover",
    "bench-data",
    "bench-play",
    "demo",
    "demo-remove",
    "help",
    "test",
    "test-all",
    "test-crash",
    "venv",
}
# Variables of playbooks in the docs that no test gives yet. One that a test gives is taken out here.
NOT_GIVEN = {"adopt_remaining", "migration_adopt_wait", "release_source", "release_version", "uninstall_role"}


@dataclass(frozen=True)
class Documented:
    """A command and the page that has it."""

    page: str
    words: str

    def __str__(self) -> str:
        return f"{self.page}: {self.words}"


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of fenced blocks."""
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def commands(page: str, text: str) -> list[Documented]:
    """What a page tells to type: lines of shell blocks, and commands within sentences."""
    found = []
    for language, block in blocks(text):
        if language not in ("console", "sh"):
            continue
        # What a command prints has no prompt in a console block; a line that ends with \ or is indented goes on.
        joined = re.sub(r"\s*\\?\n +(?=\S)", " ", block)
        lines = [line.strip() for line in joined.splitlines() if line.strip()]
        found += [line.removeprefix("$ ") for line in lines if language == "sh" or line.startswith("$ ")]
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found += [inline.removeprefix("$ ") for inline in re.findall(rf"`({PROGRAM}[^`\n]*)`", prose)]
    single = [part for command in found for part in re.split(r" && ", re.sub(r"(^|\s+)#.*", "", command)) if part]
    return [Documented(page, part.strip()) for part in single]


ALL = [each for path in PAGES for each in commands(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))]


def words_of(command: str) -> list[str]:
    """A command's words; what is optional is given, and of alternatives the first."""
    text = re.sub(r"\[([,|][^\]]*)\]", "", command)
    text = re.sub(r"[\[\]]", " ", text)
    text = re.sub(r"(?<=[a-z0-9])\|[a-z0-9|-]+", "", text)
    return shlex.split(text)


def having(program: str) -> list[Documented]:
    """The commands of a program."""
    return [each for each in ALL if Path(each.words.split()[0]).name == program]


def variables(given: list[str]) -> set[str]:
    """The names that `-e` gives."""
    found: set[str] = set()
    for text in given:
        parsed = yaml.safe_load(text) if text.startswith("{") else dict([text.split("=", 1)])
        found |= set(parsed)
    return found


def read_by(playbook: str) -> str:
    """All that a playbook may read: itself, what it imports, and the options of roles."""
    start = ROOT / "playbooks" / f"{playbook}.yml"
    text = start.read_text(encoding="utf-8")
    for name in re.findall(r"import_playbook: (\S+)", text):
        text += (start.parent / name).read_text(encoding="utf-8")
    parts = [*ROOT.glob("playbooks/parts/*.yml"), *ROOT.glob("roles/*/meta/argument_specs.yml")]
    return text + "".join(path.read_text(encoding="utf-8") for path in parts)


def playbook_of(name: str) -> str:
    """The stem of a playbook as a command names it; empty for a placeholder."""
    if PLACEHOLDER.search(name):
        return ""
    return name.removeprefix("cryptobot.native.").removeprefix("playbooks/").removesuffix(".yml")


def content_of(place: str) -> str:
    """A test's text, or that of a directory of tests."""
    path = ROOT / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return "".join(file.read_text(encoding="utf-8") for file in files)


def test_commands_are_found() -> None:
    text = "`make x`\n```console\n$ cd here && ansible-playbook a.yml \\\n    -e b=c   # why\nout\n```\n\n```yaml\nmake: z\n```"
    assert [each.words for each in commands("p", text)] == ["cd here", "ansible-playbook a.yml -e b=c", "make x"]
    given = words_of("ansible-playbook x [-e show=a|b] [--check] -e n=NAME[,NAME]")
    assert given == ["ansible-playbook", "x", "-e", "show=a", "--check", "-e", "n=NAME"]
    assert variables(["a=1", '{"b": 2}']) == {"a", "b"}
    assert len(ALL) > 80


@pytest.mark.parametrize("command", having("make"), ids=str)
def test_make_has_the_target(command: Documented) -> None:
    words = words_of(command.words)[1:]
    targets = [word for word in words if "=" not in word]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    dry = ["make", "--dry-run", "--no-print-directory", "--question", *words]
    done = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    for name in (word.partition("=")[0] for word in words if "=" in word):
        assert f"$({name})" in makefile or f"$(or $({name})" in makefile
    parts = content_of("tests/run.py")
    for target in targets:
        assert target in BY_HAND | {"spec", "scenario"} or f'Part("{target}"' in parts


@pytest.mark.parametrize("command", having("ansible-playbook"), ids=str)
def test_ansible_takes_the_playbook_its_options_and_its_variables(command: Documented) -> None:
    cli = PlaybookCLI(words_of(command.words))
    cli.init_parser()
    options = cli.parser.parse_args(cli.args[1:])
    for named in options.args:
        if not (playbook := playbook_of(named)):
            continue
        assert (ROOT / "playbooks" / f"{playbook}.yml").is_file()
        needle = rf"\b{playbook}\b"
        assert re.search(needle, content_of(PLAYBOOKS[playbook])), f"{PLAYBOOKS[playbook]} does not run {playbook}"
        readable = read_by(playbook)
        for name in variables(options.extra_vars):
            assert re.search(rf"\b{name}\b", readable), f"{playbook} reads no variable {name}"


def given_by_tests() -> str:
    """Everything that scenarios and tests say, but for this file."""
    files = [
        path for folder in ("molecule", "tests") for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)
    ]
    return "".join(path.read_text(encoding="utf-8") for path in files)


def test_every_variable_of_the_docs_is_given_by_a_test() -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
    named = {name for text in pages.values() for name in re.findall(r"-e '?\{?\"?([a-z_]+)\"?[=:]", text)}
    given = given_by_tests()
    missing = {name for name in named if not re.search(rf"""\b{name}["']?\s*[=:]""", given)}
    assert missing == NOT_GIVEN


@pytest.mark.parametrize("command", [*having("ansible-galaxy"), *having("ansible")], ids=str)
def test_ansible_takes_the_options(command: Documented) -> None:
    words = words_of(command.words)
    cli = {"ansible-galaxy": GalaxyCLI, "ansible": AdHocCLI}[words[0]](words)
    cli.init_parser()
    cli.parser.parse_args(cli.args[1:])


@pytest.mark.parametrize(
    "command", [each for each in ALL if re.match(r"(\.venv/bin/python )?tests/", each.words)], ids=str
)
def test_our_programs_have_the_options(command: Documented) -> None:
    words = [word for word in words_of(command.words) if word != ".venv/bin/python"]
    # One of our programs may start another, which has the options.
    text = "".join(content_of(word) for word in words if (ROOT / word).is_file())
    assert text
    for word in words[1:]:
        if word.startswith("--"):
            assert f'"{word}"' in text, f"{words[0]} knows no {word}"


@pytest.mark.parametrize("command", ALL, ids=str)
def test_a_test_runs_it(command: Documented) -> None:
    words = command.words
    if (
        words.startswith(("make ", "cd ", "export ", ". ", "ansible-playbook ", ".venv/bin/ansible-playbook "))
        or "bench" in words
    ):
        return  # seen above, or measured by hand, or nothing but where and with what the next command runs
    runs = [place for pattern, place in RUN.items() if re.search(pattern, words)]
    assert runs, "no test is known that runs this; name it in RUN"
    for place, needle in runs:
        assert needle in content_of(place)


def test_every_playbook_is_run_somewhere() -> None:
    assert set(PLAYBOOKS) == {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
