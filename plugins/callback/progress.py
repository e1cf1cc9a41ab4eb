# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line a step, and everything that matters between: changes under --diff, warnings, failures in full."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: One line a step
version_added: 0.1.0
description:
  - Prints a line for each play with its number, its duration and how much it changed. Failures come with their whole
    message, differences under C(--diff).
  - With C(-v) and more it prints what the callback P(ansible.builtin.default#callback) does.
  - In check mode it ends with what would change on each host, counted by kind; with C(--diff) as a list of every thing.
  - Shows nothing of tasks with C(no_log).
requirements:
  - Set C(stdout_callback = cryptobot.native.progress) in C(ansible.cfg).
extends_documentation_fragment:
  - default_callback
  - result_format_callback
options:
  times_file:
    description: A JSON file to write the durations to, by step.
    type: path
    env:
      - name: CRYPTOBOT_TIMES_FILE
    ini:
      - section: callback_progress
        key: times_file
author:
  - Cryptobot Native contributors (@cryptobot)
"""

import json
import time
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.cryptobot.native.plugins.module_utils.prediction import Prediction
from ansible_collections.cryptobot.native.plugins.module_utils.progress import Step, duration, failure_text, table

DEBUG = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")


class CallbackModule(Default):
    """The stdout callback C(cryptobot.native.progress)."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "cryptobot.native.progress"

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[Step] = []
        self._plays = 0
        self._started = time.monotonic()
        self._line_open = False
        self._prediction = Prediction() if context.CLIARGS.get("check") else None

    @property
    def _talks(self) -> bool:
        """Whether every task is wanted on the screen."""
        return self._display.verbosity > 0

    # Steps

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Count the steps."""
        self._plays = len(playbook.get_plays())
        if self._talks:
            super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Close the step before and open this one."""
        self._close_step()
        step = Step(
            len(self._steps) + 1, max(self._plays, len(self._steps) + 1), play.get_name().strip(), time.monotonic()
        )
        self._steps.append(step)
        self._play = play
        if self._talks:
            self._display.banner(step.head)
        else:
            self._display.display(f"{step.head} … ", newline=False)
            self._line_open = True

    def _close_step(self) -> None:
        if not self._steps or self._steps[-1].seconds:
            return
        step = self._steps[-1]
        step.seconds = time.monotonic() - step.started
        color = C.COLOR_ERROR if step.failed else C.COLOR_CHANGED if step.changed else C.COLOR_OK
        text = step.outcome if self._line_open else f"{step.head} … {step.outcome}"
        self._line_open = False
        self._display.display(text, color=color)

    def _break_line(self) -> None:
        """What comes now begins on a line of its own."""
        if self._line_open:
            self._display.display("")
            self._line_open = False

    # Results

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count changes; show what a task was made to say."""
        if result.result.get("changed") and self._steps:
            self._steps[-1].changed += 1
        if self._prediction:
            self._prediction.add(result.host.get_name(), result.task.get_name().strip(), result.result)
        if self._talks:
            super().v2_runner_on_ok(result)
            return
        if result.result.get("warnings") or result.result.get("deprecations"):
            self._break_line()
        self._handle_warnings_and_exception(result)
        if result.task.action in DEBUG:
            self._break_line()
            message = result.result.get("msg", self._dump_results(result.result))
            self._display.display("\n".join(map(str, message)) if isinstance(message, list) else str(message))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The whole message, with its own line breaks."""
        if not ignore_errors and self._steps:
            self._steps[-1].failed += 1
        if self._talks:
            super().v2_runner_on_failed(result, ignore_errors)
        elif not ignore_errors and not (result.task.loop and "results" in result.result):
            self._show_failure(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """As a task's."""
        if self._talks:
            super().v2_runner_item_on_failed(result)
        elif not result.task.ignore_errors:
            self._show_failure(result, f" (item {self._get_item_label(result.result)})")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """As a failure; where a play puts up with it, as a word only."""
        if self._steps and not result.task.ignore_unreachable:
            self._steps[-1].failed += 1
        if self._talks:
            super().v2_runner_on_unreachable(result)
            return
        self._show_failure(result, word="UNREACHABLE")
        if self._play.any_errors_fatal and not result.task.ignore_unreachable:
            host = result.host.get_name()
            self._display.display(
                f"  No other host goes beyond this step. Make {host} answer (ansible -m ping {host}), and run the same command again: "
                "it goes on where it stopped.",
                color=C.COLOR_ERROR,
            )

    def _show_failure(self, result: Any, detail: str = "", word: str = "FAILED") -> None:
        self._break_line()
        lines = [f"{word} {self.host_label(result)}: {result.task.get_name().strip()}{detail}"]
        lines += [f"  {line}" for line in failure_text(result.result).split("\n")]
        self._display.display("\n".join(lines), color=C.COLOR_ERROR, stderr=self.get_option("display_failed_stderr"))

    def v2_on_file_diff(self, result: Any) -> None:
        """Differences, under the name of the task that made them."""
        if self._talks:
            super().v2_on_file_diff(result)
            return
        results = result.result.get("results", [result.result]) if result.task.loop else [result.result]
        shown = [
            text
            for one in results
            if one.get("changed") and one.get("diff")
            for text in [self._get_diff(one["diff"])]
            if text.strip()
        ]
        if shown:
            self._break_line()
            self._display.display(f"{self.host_label(result)}: {result.task.get_name().strip()}", color=C.COLOR_CHANGED)
            self._display.display("\n".join(shown).rstrip("\n"))

    # The end

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """What each host saw, and how long each step took."""
        self._close_step()
        super().v2_playbook_on_stats(stats)
        if len(self._steps) > 1:
            self._display.display("\n".join(table(self._steps)))
            self._display.display(f"all together {duration(time.monotonic() - self._started)}\n")
        if self._prediction:
            lines = self._prediction.lines(context.CLIARGS.get("diff"))
            if any(step.failed for step in self._steps):
                lines.append("and more: the run failed before it had looked at everything")
            self._display.display("\n".join([*lines, ""]))
        if file := self.get_option("times_file"):
            steps = [
                {"step": step.name, "seconds": round(step.seconds, 2), "changed": step.changed} for step in self._steps
            ]
            Path(file).write_text(json.dumps({"steps": steps}, indent=2) + "\n", encoding="utf-8")


def _quiet(name: str) -> Any:
    """A method of the default callback that only speaks with -v."""

    def method(self: CallbackModule, *args: Any, **options: Any) -> None:
        if self._talks:
            getattr(Default, name)(self, *args, **options)

    method.__name__ = name
    return method


for _name in (
    "v2_playbook_on_task_start",
    "v2_playbook_on_handler_task_start",
    "v2_runner_on_start",
    "v2_runner_on_skipped",
    "v2_runner_item_on_ok",
    "v2_runner_item_on_skipped",
    "v2_playbook_on_include",
    "v2_playbook_on_no_hosts_matched",
    "v2_playbook_on_no_hosts_remaining",
    "v2_runner_retry",
    "v2_runner_on_async_poll",
    "v2_runner_on_async_ok",
    "v2_runner_on_async_failed",
    "v2_playbook_on_notify",
):
    setattr(CallbackModule, _name, _quiet(_name))
