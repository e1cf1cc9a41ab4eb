"""The progress callback's words, and its screen in a real run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.progress import Step, duration, failure_text, table

ROOT = Path(__file__).resolve().parents[4]
BOOK = """
- name: Prepare
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Change something
      ansible.builtin.copy: {dest: "{{ file }}", content: "new\\n", mode: "0600"}
    - name: Tell
      ansible.builtin.debug: {msg: [one line, another]}
    - name: Hide
      ansible.builtin.command: echo canary-hidden
      no_log: true
    - name: Fail and go on
      ansible.builtin.fail: {msg: never seen}
      ignore_errors: true
- name: Nobody's step
  hosts: nobody
  tasks: []
- name: Break
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Fail in many lines
      ansible.builtin.fail: {msg: "first\\nsecond"}
      when: fails == 'yes'
    - name: Fail in hiding
      ansible.builtin.command: sh -c 'echo {{ secret }}; exit 3'
      no_log: true
"""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (4.06, "4.1 s"), (59.9, "59.9 s"), (65.4, "1 min 05 s")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_failure_has_all_its_lines_once() -> None:
    text = failure_text(
        {"msg": "went\nwrong", "stderr": "a\nb", "stdout": "", "rc": 3, "cmd": ["x", "y"], "stderr_lines": ["a", "b"]}
    )
    assert text.split("\n") == ["went", "wrong", "stderr:", "  a", "  b", "rc: 3", "cmd: x y"]
    assert failure_text({"msg": ["a", "b"]}) == "a\nb"
    assert failure_text({}) == "failed without a message"
    assert failure_text({"censored": "hidden"}) == "hidden"


def test_long_output_is_cut_at_its_beginning() -> None:
    lines = failure_text({"msg": "m", "stdout": "\n".join(map(str, range(1000)))}).split("\n")
    assert lines[2] == "  … 940 lines before, with -v"
    assert lines[-1] == "  999"


def test_steps_in_line() -> None:
    steps = [Step(1, 12, "Short", 0, 4.1, 3), Step(2, 12, "A longer one", 0, 65.0)]
    assert steps[0].head == "[ 1/12] Short"
    assert steps[0].outcome == "4.1 s, 3 changed"
    assert table(steps) == [
        "step                took  changed",
        "Short              4.1 s        3",
        "A longer one  1 min 05 s",
    ]


def run(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    book = tmp_path / "book.yml"
    book.write_text(BOOK)
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
    }
    environment |= {"CRYPTOBOT_TIMES_FILE": str(tmp_path / "times.json"), "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    (tmp_path / "secret").write_text('{"secret": "canary-hidden"}')
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "-i",
        "localhost,",
        "-c",
        "local",
        str(book),
        "-e",
        f"file={tmp_path}/file",
    ]
    command += ["-e", f"@{tmp_path}/secret"]
    done = subprocess.run(
        [*command, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_screen(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--diff", "-e", "fails=yes")
    assert code == 2
    assert re.search(r"^\[1/3\] Prepare … \d+\.\d s, 2 changed$", said, re.M), said
    assert re.search(r"^\[2/3\] Nobody's step … ", said, re.M)
    assert "FAILED localhost: Fail in many lines\n  first\n  second\n[3/3] Break … " in said
    assert "localhost: Change something\n--- before\n+++ after" in said and "\n+new\n" in said
    assert "\none line\nanother\n" in said
    assert "never seen" not in said
    assert re.search(r"^localhost +: ok=\d+ +changed=2 .*failed=1 .*ignored=1", said, re.M)
    assert [step["step"] for step in json.loads((tmp_path / "times.json").read_text())["steps"]] == [
        "Prepare",
        "Nobody's step",
        "Break",
    ]


@pytest.mark.parametrize("loudness", [[], ["-vvv", "--diff"]], ids=["quiet", "loud"])
def test_nothing_hidden_is_shown(tmp_path: Path, loudness: list[str]) -> None:
    code, said = run(tmp_path, "-e", "fails=no", *loudness)
    assert code == 2
    assert "canary-hidden" not in said.replace("echo canary-hidden", "")
    assert "no_log" in said


@pytest.mark.parametrize(("words", "listed"), [(["--check"], False), (["--check", "--diff"], True)], ids=["counts", "list"])
def test_check_mode_ends_with_what_would_change(tmp_path: Path, words: list[str], listed: bool) -> None:
    __, said = run(tmp_path, "-e", "fails=no", *words)
    assert "\nlocalhost would change: 1 task\n" in said
    assert "and more: the run failed" not in said
    assert ("\n  run task Change something (not known yet: it does not say what it changes)\n" in said) == listed


def test_a_real_run_foresees_nothing(tmp_path: Path) -> None:
    assert "would change" not in run(tmp_path, "--diff", "-e", "fails=no")[1]


def test_a_check_that_failed_says_that_its_list_is_not_whole(tmp_path: Path) -> None:
    assert "\nand more: the run failed before it had looked at everything\n" in run(tmp_path, "-e", "fails=yes", "--check")[1]
