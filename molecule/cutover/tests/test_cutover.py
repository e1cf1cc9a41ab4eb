"""A group changes sides under load, by the playbooks alone: there, back, and there again. One test follows another."""

from __future__ import annotations

import time

from plays import end_all

INTENT = "/var/lib/cryptobot-router/intent.json"
GROUP = ("--extra-vars", "migration_group=first")
QUIET_SECONDS = 3


def settled(shop, side: str, path: str = "/who") -> None:
    until = time.monotonic() + 30
    while (said := shop.answers(7000, path))["side"] != side and time.monotonic() < until:
        time.sleep(0.5)
    assert said["side"] == side


def over(host) -> None:
    """Requests go on before the window has ended: what follows them is made then."""
    until = time.monotonic() + 60
    while host.file(INTENT).exists and time.monotonic() < until:
        time.sleep(0.5)
    assert not host.file(INTENT).exists


def shown(shop, what: str) -> None:
    steps = sorted(shop.window().get("steps", {}).items(), key=lambda step: step[1]["at"])
    said = [f"{name} {step['seconds'] * 1000:.0f} ms" for name, step in steps]
    print(f"{what}: {', '.join(said)}")


def test_check_mode_says_what_would_be_done_and_changes_nothing(play, host) -> None:
    said = play("cut_over", *GROUP, "--check")
    assert "orders_db" in said or "orders" in said
    assert not host.file("/var/lib/cryptobot-migration/sides.json").exists
    assert not host.file("/var/lib/cryptobot-router/adoption.json").exists


def test_a_group_is_cut_over_while_it_is_used(play, shop, host) -> None:
    shop.exchange()
    shop.begin()
    shop.talk()
    shop.given = shop.rights("docker")
    assert shop.reaches("docker") and not shop.talked()
    before, since = shop.containers(), shop.now()
    said = play("cut_over", *GROUP)
    print(said[said.rfind("Show the summary") :][:3000])
    shown(shop, "cut over")
    settled(shop, "native")
    time.sleep(QUIET_SECONDS)
    shop.judge("native", since)
    shop.one_of_each()
    assert shop.answers(7010, "/both")["other"]["side"] == "native", "a container's call meets the native side"
    assert shop.answers(7010)["side"] == "docker"
    assert shop.answers(7020)["side"] == "native" and shop.papers() == "no false 1"
    assert shop.containers() == before
    assert (shop.reaches("docker"), shop.reaches("native")) == (False, True)
    assert shop.talked() in ("ConnectionResetError", "ConnectionRefusedError")
    record = shop.record()
    assert (record["groups"]["first"], record["groups"]["second"]) == ("native", "docker")
    assert record["datastores"]["orders"]["writer"] == "native" and record["standby"] == ["first"]
    assert {record["datastores"][name]["writer"] for name in ("cache", "book", "notes")} == {"native"}


def test_site_changes_nothing_afterwards(play, shop) -> None:
    before, since = shop.state(), shop.now()
    play("site")
    assert play.changed == 0
    assert shop.state() == before
    shop.judge("native", since)


def test_both_sides_are_compared_while_one_follows(play, shop) -> None:
    since = shop.now()
    said = play("verify", *GROUP)
    print(said[said.rfind("Show what was found") :][:2000])
    assert "the native side writes" in said
    shop.judge("native", since)


def test_it_goes_back_with_what_was_written_natively(play, shop, host) -> None:
    before, since = shop.containers(), shop.now()
    play("rollback", *GROUP)
    shown(shop, "rolled back")
    settled(shop, "docker")
    time.sleep(QUIET_SECONDS)
    shop.judge("docker", since)
    shop.one_of_each()
    assert shop.containers() == before
    assert shop.papers() == "always true 0"
    assert (shop.reaches("docker"), shop.reaches("native")) == (True, False)
    assert shop.rights("docker") == shop.given
    assert shop.record()["groups"]["first"] == "docker" and "standby" not in shop.record()
    for name in ("orders", "papers"):
        assert host.run(f"systemctl is-active cryptobot-{name}-web@1").stdout.strip() == "inactive"


def test_killed_in_the_middle_it_is_given_up(play, shop, host) -> None:
    """The module's process dies right after the source is closed, when what runs on one side alone has stopped: the
    guardian decides and starts that again."""
    since = shop.now()
    host.check_output("umask 077 && echo 'kill after:close:orders' > /run/cryptobot-faults")
    said = play("cut_over", *GROUP, succeeds=False)
    assert "window" in said
    host.check_output("rm /run/cryptobot-faults")
    time.sleep(QUIET_SECONDS)
    print(host.check_output("journalctl -u cryptobot-cutover-guardian --since=-2min -o cat | tail -5"))
    settled(shop, "docker")
    assert shop.papers() == "no true 1"
    assert (shop.reaches("docker"), shop.reaches("native")) == (True, False)
    shop.one_of_each()
    shop.judge("docker", since)


def test_a_power_cut_in_the_window_is_decided_by_the_boot(play, shop, host, reboot) -> None:
    """Handed over it goes on, without anybody's doing; what is left to do the play does, when it is run again."""
    shop.end()
    with play.held(host, "after:hand_over", "cut_over", *GROUP):
        reboot(at_once=True)
    settled(shop, "native")
    over(host)
    assert shop.record()["groups"]["first"] == "native"
    print(host.check_output("journalctl -u cryptobot-cutover-guardian -b -o cat | tail -4"))
    since = shop.now()
    shop.exchange()
    shop.begin()
    play("cut_over", *GROUP)
    settled(shop, "native")
    time.sleep(QUIET_SECONDS)
    shop.judge("native", since)
    shop.one_of_each()


def test_a_reboot_leaves_everything_as_it_was(shop, reboot) -> None:
    shop.end()
    before = shop.record()
    reboot()
    settled(shop, "native")
    shop.exchange()
    assert (shop.reaches("docker"), shop.reaches("native")) == (False, True)
    assert shop.record() == before
    since = shop.now()
    shop.begin()
    time.sleep(QUIET_SECONDS)
    shop.end()
    shop.judge("native", since)
    shop.one_of_each()


def test_after_the_reboot_it_goes_back_although_the_play_is_killed(play, shop, host) -> None:
    """Docker's Redis has started again meanwhile, with all rights and following nobody: it follows again first."""
    since = shop.now()
    shop.begin()
    with play.held(host, "before:intent", "rollback", *GROUP) as controller:
        # Ansible dies with its connection, and its module goes on alone.
        end_all(controller.pid)
    settled(shop, "docker")
    over(host)
    assert shop.window()["how"] == "finish"
    shop.judge("docker", since)
    play("rollback", *GROUP)
    settled(shop, "docker")
    time.sleep(QUIET_SECONDS)
    shop.end()
    shop.judge("docker", since)
    shop.one_of_each()


LEFT = """SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)
  + (SELECT count(*) FROM pg_event_trigger) + count(*) FROM pg_namespace WHERE nspname = 'migration'"""


def test_given_up_nothing_of_it_is_left(play, shop, host) -> None:
    before = shop.containers()
    assert "migration_group=first -e migration_follow=false" in " ".join(play("migrate", succeeds=False).split())
    play("rollback", *GROUP, "--extra-vars", "migration_follow=false")
    assert shop.sql("docker", "orders", LEFT) == ["0"]
    assert shop.sql("native", "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'orders'") == ["0"]
    assert shop.redis("docker", "KEYS 'migration:*'") == [] and shop.rights("docker") == shop.given
    assert "cryptobot-" not in "".join(shop.redis("docker", "ACL USERS"))
    assert shop.rights("native").count("user ") == 2 and "-@write" not in shop.rights("native")
    assert shop.containers() == before
    assert shop.reaches("docker") and shop.reaches("native")
    assert host.run("nft list table inet cryptobot_outlets").rc != 0
    places = "/var/lib/cryptobot-datastores/*.incoming /var/lib/docker/volumes/*/_data.incoming"
    assert host.check_output(f"ls -d {places} 2> /dev/null | wc -l") == "0"
    play("site")
    assert play.changed == 0
