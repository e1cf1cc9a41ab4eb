# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files, manifest, redis
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive.manifest import ArchiveError


def archived(folder: Path, content: bytes = b"*1\r\n$4\r\nPING\r\n") -> Path:
    folder.mkdir()
    (folder / redis.FILE).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    sections = [{"index": 0, "start": 0, "bytes": len(content), "commands": 1, "keys": 1}]
    manifest.finish(folder, "redis", "redis", {"sections": sections, "bytes": len(content), "sha256": digest})
    return folder


def test_a_whole_archive_is_taken(tmp_path):
    content, result = redis.check(archived(tmp_path / "a"))
    assert (result["entries"], content["datastore"]) == (1, "redis")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "no whole archive"),
        (lambda folder: (folder / "manifest.json").write_text(""), "can't be read"),
        (lambda folder: (folder / "data.resp").unlink(), "missing from the archive"),
        (lambda folder: (folder / "data.resp").write_bytes(b""), "has 0 bytes"),
        (lambda folder: os.truncate(folder / "data.resp", 5), "has 5 bytes, and the manifest says 14"),
        (lambda folder: (folder / "data.resp").write_bytes(b"*1\r\n$4\r\nQUIT\r\n"), "not what was saved"),
    ],
)
def test_an_archive_that_is_not_whole_is_refused(tmp_path, damage, says):
    folder = archived(tmp_path / "a")
    damage(folder)
    with pytest.raises(ArchiveError, match=says):
        redis.check(folder)


def test_an_archive_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="one of files"):
        files.check(archived(tmp_path / "a"))


def test_digests_of_an_unknown_formula_are_refused(tmp_path):
    folder = archived(tmp_path / "a")
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"formula": 1', '"formula": 7'))
    with pytest.raises(ArchiveError, match="has digests by formula 7, and .* checks formula 1. Restore it with the version"):
        redis.check(folder)
    (folder / "manifest.json").write_text(text.replace(' "formula": 1,\n', ""))
    with pytest.raises(ArchiveError, match="does not say by which formula"):
        redis.check(folder)


def test_names_that_look_alike_are_not_the_same(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    odd = os.fsdecode(os.fsencode(tree) + b"/\xff")
    Path(odd).touch()
    os.utime(odd, ns=(1, 1))
    lines = list(manifest.listing(tree))
    os.rename(odd, tree / "\\xff")
    with pytest.raises(ArchiveError, match=r"\\xff is in .* and was not saved"):
        manifest.check_listing(tree, lines)


def test_an_entry_that_was_changed_is_named(tmp_path):
    (tmp_path / "tree").mkdir()
    for name in "abc":
        (tmp_path / "tree" / name).write_text(name)
    lines = list(manifest.listing(tmp_path / "tree"))
    manifest.check_listing(tmp_path / "tree", lines)
    (tmp_path / "tree" / "b").chmod(0o600)
    with pytest.raises(ArchiveError, match=r"b in .* differs in mode"):
        manifest.check_listing(tmp_path / "tree", lines)
    (tmp_path / "tree" / "b").unlink()
    with pytest.raises(ArchiveError, match="b is missing"):
        manifest.check_listing(tmp_path / "tree", lines)


def test_a_sink_says_yes_and_counts(tmp_path):
    sink = redis.Sink(tmp_path / "data")
    assert sink.many([("SET", "a", b"\xff"), ("DEL", "b")]) == [b"OK", b"OK"]
    assert sink.ask("DEL", "c") == b"OK"
    digest = sink.close()
    content = (tmp_path / "data").read_bytes()
    assert (sink.commands, sink.bytes, digest) == (3, len(content), hashlib.sha256(content).hexdigest())
