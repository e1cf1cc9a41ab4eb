"""Containers stopped and put back: what the journal keeps, in which order things happen, and what is left alone."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.docker import writers
from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import NEVER, Container
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.modules.docker_containers import Task
from ansible_collections.cryptobot.native.tests.unit.plugins.module_utils.docker.docker_fake import Client, container

ALWAYS = {"Name": "always", "MaximumRetryCount": 0}
THRICE = {"Name": "on-failure", "MaximumRetryCount": 3}


def three() -> list[Container]:
    return [
        Container(container("auth", policy=ALWAYS)),
        Container(container("trade", policy=THRICE)),
        Container(container("idle", state="exited", policy={"Name": "", "MaximumRetryCount": 0})),
    ]


def stop_in(journal: Journal, containers, run="r1") -> None:
    with journal.step(run, writers.STOP, {}) as step:
        step.progress(writers.progress_was("cryptobot", containers, writers.kept(journal.lines(), "cryptobot")))


def stopped(one: Container) -> Container:
    return Container(container(one.service, state="exited", policy={"Name": "no"}))


def test_stopping_turns_the_restart_policy_off_first():
    changes = writers.plan_stop(three())
    assert [change.target for change in changes] == ["cryptobot_auth_1", "cryptobot_trade_1"]
    assert [command[0] for command in changes[0].commands] == ["update", "stop"]
    client = Client([])
    writers.Writers(client.engine).apply(changes, three())
    assert [call[0] for call in client.calls] == ["update", "update", "stop", "stop"]
    assert client.calls[0][1] == "--restart=no"


def test_what_is_stopped_already_is_no_change():
    assert writers.plan_stop([stopped(one) for one in three()]) == []


def test_the_first_state_is_kept_over_interrupted_runs_and_put_back_exactly(tmp_path):
    journal = Journal(tmp_path)
    stop_in(journal, three())
    half = [stopped(three()[0]), *three()[1:]]
    stop_in(journal, half, run="r2")
    was = writers.kept(journal.lines(), "cryptobot")
    changes = writers.plan_start([stopped(one) for one in three()], was, None)
    assert {change.target: change.is_ for change in changes} == {
        "cryptobot_auth_1": {"running": True, "restart": "always"},
        "cryptobot_trade_1": {"running": True, "restart": "on-failure:3"},
    }
    assert [command[0] for command in changes[0].commands] == ["update", "start"]


def test_after_it_was_put_back_the_next_stop_keeps_anew(tmp_path):
    journal = Journal(tmp_path)
    stop_in(journal, three())
    with journal.step("r1", writers.START, {}) as step:
        step.progress({"project": "cryptobot", "put_back": [one.id for one in three()]})
    assert writers.kept(journal.lines(), "cryptobot") == {}
    assert writers.kept(journal.lines(), "another") == {}


def test_putting_back_stops_nothing_that_someone_started():
    was = {one.id: writers.Kept.of(stopped(one)) for one in three()}
    assert [change.is_["running"] for change in writers.plan_start(three(), was, None)] == [True, True]


def test_a_container_made_anew_is_named():
    was = {"f" * 64: writers.Kept("f" * 64, "cryptobot_auth_1", "auth", "always", True)}
    with pytest.raises(DockerError, match="cryptobot_auth_1 was stopped by the migration and is not there any more"):
        writers.plan_start(three(), was, None)


def test_a_service_without_a_container_is_named():
    with pytest.raises(DockerError, match="No container of the service ghost"):
        writers.chosen(three(), ["auth", "ghost"], [])


def test_the_excepted_are_left_alone():
    assert [one.service for one in writers.chosen(three(), None, ["trade"])] == ["auth", "idle"]


def test_a_container_that_went_on_after_all_is_an_error():
    client = Client([one.raw for one in three()])
    with pytest.raises(DockerError, match="cryptobot_auth_1 is running with --restart=always"):
        writers.Writers(client.engine).verify(writers.plan_stop(three()))


def test_health_is_waited_for_and_who_lacks_it_is_named():
    sick = container("auth")
    sick["State"]["Health"] = {"Status": "unhealthy"}
    client = Client([sick, container("trade")])
    with pytest.raises(DockerError, match=r"not healthy: cryptobot_auth_1 \(unhealthy\)"):
        writers.Writers(client.engine).wait_healthy([sick["Id"], container("trade")["Id"]], 0)


class Live(Client):
    """Does what it is told."""

    def _answer(self, words: list[str]) -> tuple[str, int]:
        if words[0] in ("update", "stop", "start"):
            one = next(each for each in self.containers if each["Id"] == words[-1])
            if words[0] == "update":
                one["HostConfig"]["RestartPolicy"] = {"Name": words[1].partition("=")[2]}
            else:
                one["State"].update({"Running": words[0] == "start", "Status": "exited" if words[0] == "stop" else "running"})
        return super()._answer(words)


def called(client: Client, state: str, directory, run: str = "r1", services=None) -> Task:
    params = {"project": "cryptobot", "state": state, "services": services, "without": [], "run": run, "stop_timeout": None,
              "health_timeout": 1, "directory": str(directory)}  # fmt: skip
    made = Task(params, client.engine)
    if made.changed or not made.up_to_date:
        made.apply()
    return made


@pytest.fixture
def task(tmp_path):
    """Calls of the module on containers that have stopped, by what each began at."""

    def call(began: dict[str, str], run: str = "r1", state: str = "stopped") -> Task:
        raw = [container(name, state="exited", policy={"Name": "no"}, began=at) for name, at in began.items()]
        params = {"project": "cryptobot", "state": state, "services": None, "without": [], "run": run, "stop_timeout": None,
                  "health_timeout": 1, "directory": str(tmp_path)}  # fmt: skip
        made = Task(params, Client(raw).engine)
        if state == "stopped":
            made.apply()
        return made

    return call


def test_one_that_ran_in_between_and_stopped_again_is_seen(task):
    assert (task({"auth": "1", "trade": "1"}).changed, task({"auth": "1", "trade": "1"}).ran) == (False, [])
    again = task({"auth": "2", "trade": "1"})
    assert (again.changed, again.ran) == (True, ["cryptobot_auth_1"])
    # Also where a play died before it drew its conclusion.
    later = task({"auth": "2", "trade": "1"})
    assert (later.changed, later.ran) == (False, ["cryptobot_auth_1"])
    assert task({"auth": "2", "trade": "1"}, run="r2").ran == []


def test_one_that_was_made_anew_and_ran_is_seen(task):
    task({"auth": "1"})
    assert task({"auth": "1", "idle": NEVER}).ran == []
    assert task({"auth": "1", "trade": "2"}).ran == ["cryptobot_trade_1"]


def test_what_is_brought_into_place_is_of_writers_that_stood_still(task):
    task({"auth": "1"})
    task({"auth": "1"}, state="still").refuse()
    with pytest.raises(DockerError, match="cryptobot_auth_1 was started after the run had stopped what writes"):
        task({"auth": "2"}, state="still").refuse()


def test_one_that_is_left_unattended_runs_on_and_is_put_back(tmp_path):
    client = Live([container("auth", policy=ALWAYS), container("trade", policy=THRICE)])
    auth = client.containers[0]
    assert called(client, "unattended", tmp_path, services=["auth"]).changed
    assert [call[:2] for call in client.calls if call[0] in ("update", "stop", "start")] == [["update", "--restart=no"]]
    assert not called(client, "unattended", tmp_path, services=["auth"]).changed
    # Who asked for it has stopped it since; another run puts it back.
    auth["State"]["Running"] = False
    assert not called(client, "unattended", tmp_path, services=["auth"]).changed
    called(client, "started", tmp_path, run="r2", services=["auth"])
    assert (Container(auth).running, Container(auth).restart_policy) == (True, "always")
    assert writers.kept(Journal(tmp_path).lines(), "cryptobot") == {}
    # What is done again after that is journaled anew.
    assert called(client, "unattended", tmp_path, services=["auth"]).changed
    assert [one.policy for one in writers.kept(Journal(tmp_path).lines(), "cryptobot").values()] == ["always"]


def test_one_whose_policy_was_off_before_is_journaled_without_a_change(tmp_path):
    client = Live([container("auth", policy={"Name": "no"})])
    assert not called(client, "unattended", tmp_path).changed
    assert [one.policy for one in writers.kept(Journal(tmp_path).lines(), "cryptobot").values()] == ["no"]
    lines = len(Journal(tmp_path).lines())
    called(client, "unattended", tmp_path)
    assert len(Journal(tmp_path).lines()) == lines


def test_an_unattended_one_that_is_stopped_later_has_not_run_since(tmp_path):
    client = Live([container("auth", policy=ALWAYS, began="1"), container("trade", policy=ALWAYS, began="1")])
    called(client, "stopped", tmp_path, services=["trade"])
    called(client, "unattended", tmp_path, services=["auth"])
    # A window that was given up has started it again.
    client.containers[0]["State"]["StartedAt"] = "2"
    assert called(client, "stopped", tmp_path).ran == []
    assert called(client, "stopped", tmp_path).ran == []
    client.containers[0]["State"]["StartedAt"] = "3"
    assert called(client, "stopped", tmp_path).ran == ["cryptobot_auth_1"]
    assert called(client, "stopped", tmp_path, run="r2").ran == []
