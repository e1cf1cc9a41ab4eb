"""Answers, questions, and the files that come of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.cryptobot.native.plugins.module_utils.project.answers import AnswersError, complete, questions
from ansible_collections.cryptobot.native.plugins.module_utils.project.files import project_files, vault_text


def test_only_what_nobody_knows_is_asked(tmp_path: Path) -> None:
    assert [one.key for one in questions({}, tmp_path)] == ["host", "environment", "source"]
    (tmp_path / "docker-compose.yml").touch()
    assert [one.key for one in questions({}, tmp_path)] == ["host", "environment"]
    assert questions({"hosts": {"app": "a"}, "environment": "staging"}, tmp_path) == []


def test_defaults_are_this_machine(tmp_path: Path) -> None:
    answers = complete({}, tmp_path)
    assert set(answers.hosts.values()) == {"localhost"}
    assert answers.environment == "staging"
    assert answers.source == {"path": str(tmp_path)}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"hots": "a"}, "did you mean host"),
        ({"environment": "prod"}, "one of development, staging, production"),
        ({"host": "a", "hosts": {"app": "b"}}, "one of them"),
        ({"host": "a b"}, "a host name"),
        ({"user": "Root!"}, "name of a user"),
        ({"hosts": {"app": "localhost", "database": "db"}}, "cannot be reached"),
        ({"host": "10.0.0.999"}, "neither"),
        ([], "a dictionary"),
    ],
)
def test_wrong_answers(given: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=problem):
        complete(given, tmp_path)


def test_files_are_what_was_answered(tmp_path: Path) -> None:
    given = {
        "hosts": {"database": "10.0.0.5", "app": "app1.example.com"},
        "user": "operator",
        "source": {"path": "/srv/o'neil"},
    }
    files = {file.path: file.text for file in project_files(complete(given, tmp_path), "1.2.3")}
    hosts = yaml.safe_load(files["inventory/hosts.yml"])["cryptobot"]
    assert set(hosts["hosts"]) == {"app1.example.com", "10.0.0.5"}
    assert hosts["hosts"]["10.0.0.5"] == {
        "ansible_host": "10.0.0.5",
        "ansible_user": "operator",
        "ansible_become": True,
        "cryptobot_address": "10.0.0.5",
    }
    assert list(hosts["children"]["cryptobot_database"]["hosts"]) == ["10.0.0.5"]
    assert list(hosts["children"]["cryptobot_cache"]["hosts"]) == ["app1.example.com"]
    main = yaml.safe_load(files["inventory/group_vars/cryptobot/main.yml"])
    assert main == {"cryptobot_environment": "staging", "cryptobot_source": {"path": "/srv/o'neil"}}
    assert yaml.safe_load(files["inventory/group_vars/cryptobot/services.yml"]) is None
    assert yaml.safe_load(files["requirements.yml"]) == {
        "collections": [{"name": "cryptobot.native", "version": ">=1.2.3"}]
    }
    assert "/.vault-password" in files[".gitignore"]


def test_a_vault_reads_back_as_it_was() -> None:
    values = {
        "a": {"x": "it's: {a} \"#", "key": "-----BEGIN\nabc\n-----END\n"},
        "b-c": {"y": "{{ x }}", "two": ["new", "old"], "odd": 5},
    }
    assert yaml.safe_load(vault_text(values))["cryptobot_secrets"] == values
