# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Compose project holds that a migration must know of: each finding with where it is and what to do about it.

Severities: `blocking` (nothing can go on), `decision` (an operator must say what is meant), `note` (worth knowing).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..findings import BLOCKING, DECISION, NOTE, Finding, ranked
from .compose import PortSpec, ServiceSpec
from .containers import Container
from .source import Source

SHOWN = 8
PORTS_OVERLAP = ("0.0.0.0", "::", "")


def findings(source: Source, accepted: Sequence[str] = (), more: Iterable[Finding] = ()) -> list[Finding]:
    """All of them, the gravest first. ``accepted``: `code` or `code:object` of decisions that the operator has made."""
    looks = (_files, _variables, _ports, _dependencies, _states, _drift, _data)
    return ranked([*(one for look in looks for one in look(source)), *more], accepted)


def _files(source: Source) -> Iterator[Finding]:
    for path, content in source.bundle["files"].items():
        if content is None and path not in source.unreadable:
            text = "This Compose file is not on the host; structure and drift are not known, the containers are."
            yield Finding(NOTE, "file-missing", path, text, "Name it: cryptobot_compose: {directory: …, files: […]}.")
    for path, why in source.unreadable.items():
        text = f"This Compose file cannot be read: {why}."
        yield Finding(
            BLOCKING, "file-unreadable", path, text, "Mend the file; docker-compose config shows the place, too."
        )
    for where, why in source.model.faults:
        yield Finding(BLOCKING, "file-fault", where, f"This part {why}.", "Mend the Compose file.")
    for where in source.malformed:
        text = "This text holds a $ that starts no variable, which Compose refuses."
        yield Finding(BLOCKING, "file-fault", where, text, "Write $$ for a literal $.")
    for key in source.model.unread:
        yield Finding(
            NOTE, "not-read", key, "This part of the Compose file is not read.", "Look whether a service needs it."
        )
    for name, spec in source.model.services.items():
        for key in spec.unread:
            text = f"The key {key} has no native counterpart here and is not carried over."
            yield Finding(NOTE, "not-read", f"services.{name}.{key}", text, "Look whether the native service needs it.")


def _variables(source: Source) -> Iterator[Finding]:
    """Compose gives an unset variable as nothing, with a warning only."""
    for name in sorted({one.name for one in source.missing}):
        places = [one.where for one in source.missing if one.name == name and one.where.startswith("services.")]
        services = sorted({where.split(".")[1].partition("[")[0] for where in places})
        lacking = [service for service in services if not source.services.get(service)]
        if not places:
            continue
        if lacking:
            text = f"The variable {name} is not set, and {', '.join(lacking)} has no container that shows its value."
            remedy = f"Set {name} in .env beside the Compose file, or give it a default: ${{{name}:-…}}."
            yield Finding(BLOCKING, "unset-variable", places[0], text, remedy)
        else:
            text = f"The variable {name} is not set in .env; the value of the running containers is taken."
            yield Finding(
                NOTE, "unset-variable", places[0], text, f"Set {name} in .env, so that a later up gives the same."
            )


def _published(source: Source) -> Iterator[tuple[str, PortSpec]]:
    """What each service publishes: by its containers, else by the files."""
    for name in sorted({*source.services, *source.model.services}):
        spec = source.model.services.get(name)
        listed = {
            PortSpec(p.container_port, p.host_port, p.address, p.protocol)
            for one in source.services.get(name, [])
            for p in one.published
        }
        for port in sorted({*listed, *(spec.ports if spec else [])}, key=lambda port: (port.host, port.container)):
            yield name, port


def _ports(source: Source) -> Iterator[Finding]:
    taken: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for name, port in _published(source):
        if port.host == 0:
            text = f"Port {port.container} is published at a port that Docker chooses anew at every start."
            yield Finding(
                DECISION,
                "floating-port",
                name,
                text,
                f"Publish it at a fixed port: '{port.container}:{port.container}'.",
            )
            continue
        others = taken.setdefault((port.host, port.protocol), [])
        for other, address in others:
            same = address == port.address or address in PORTS_OVERLAP or port.address in PORTS_OVERLAP
            if other != name and same:
                text = f"The services {other} and {name} both publish port {port.host}/{port.protocol} of the host."
                yield Finding(
                    BLOCKING,
                    "duplicate-port",
                    name,
                    text,
                    f"Give one of them another port: '<free port>:{port.container}'.",
                )
        others.append((name, port.address))
        if port.host != port.container:
            text = f"Inside it listens on {port.container}, the host publishes {port.host}."
            remedy = "Nothing to do: URLs are rewritten by the catalogue's docker: {service, port}, which names the inner one."
            yield Finding(NOTE, "port-differs", name, text, remedy)


def _dependencies(source: Source) -> Iterator[Finding]:
    services = source.model.services
    for name, spec in services.items():
        for other in sorted(spec.depends_on):
            if other not in services:
                text = f"{name} depends on the service {other}, which the files do not define."
                yield Finding(
                    BLOCKING, "undefined-dependency", name, text, f"Define {other}, or take it out of depends_on."
                )
        mode = spec.network_mode.removeprefix("service:")
        if spec.network_mode.startswith("service:") and mode not in services:
            text = f"{name} uses the network of {mode}, which the files do not define."
            yield Finding(BLOCKING, "undefined-dependency", name, text, f"Define {mode}, or change network_mode.")
        for target, secret in spec.secrets.items():
            if secret not in source.model.secrets:
                text = f"{name} mounts {secret} at {target}, which the files do not define."
                yield Finding(
                    BLOCKING,
                    "undefined-dependency",
                    name,
                    text,
                    f"Define it below secrets: {{{secret}: {{file: …}}}}.",
                )
        for mount in spec.volumes:
            if mount.kind == "volume" and mount.source and mount.source not in source.model.volumes:
                text = f"{name} mounts the volume {mount.source}, which the files do not define."
                yield Finding(
                    BLOCKING,
                    "undefined-dependency",
                    name,
                    text,
                    f"Define it below volumes: {{{mount.source}: {{}}}}.",
                )
    for name in _cycle(services):
        yield Finding(
            BLOCKING, "dependency-cycle", name, "Its depends_on leads back to itself.", "Take one of them out."
        )


def _cycle(services: Mapping[str, ServiceSpec]) -> list[str]:
    def reaches(start: str) -> bool:
        seen, ahead = set(), [*services[start].depends_on]
        while ahead:
            one = ahead.pop()
            if one == start:
                return True
            if one not in seen:
                seen.add(one)
                ahead += services[one].depends_on if one in services else []
        return False

    return sorted(name for name in services if reaches(name))


def _states(source: Source) -> Iterator[Finding]:
    for name, spec in source.model.services.items():
        if not source.services.get(name):
            if spec.profiles:
                text = f"It has no container; it belongs to the profile {', '.join(spec.profiles)}."
                yield Finding(
                    NOTE, "profile", name, text, "Nothing to do, unless it should have moved: start it first."
                )
            else:
                yield Finding(
                    DECISION,
                    "no-container",
                    name,
                    "The files define it, but it has no container.",
                    "Start it, or take it out.",
                )
    for one in source.containers:
        if source.model.services and one.service not in source.model.services:
            text = (
                f"The container {one.name} belongs to the project, but the files do not know its service (an orphan)."
            )
            yield Finding(DECISION, "orphan", one.service, text, "Put it into the files, or remove the container.")
        if not one.running and not source.stopped_by_us(one):
            text = f"The container {one.name} does not run ({one.state}, exit code {one.raw['State'].get('ExitCode', '?')})."
            yield Finding(
                DECISION, "stopped-container", one.service, text, f"Start it (docker start {one.name}), or remove it."
            )
        elif (one.running and one.health == "unhealthy") or one.state == "restarting":
            text = f"The container {one.name} runs, but is {one.health if one.health == 'unhealthy' else one.state}."
            yield Finding(
                DECISION,
                "unhealthy",
                one.service,
                text,
                f"Look at docker logs {one.name} first: what fails now fails natively.",
            )
    for name, containers in source.services.items():
        if len(containers) > 1:
            text = f"It runs as {len(containers)} containers."
            yield Finding(
                NOTE,
                "scaled",
                name,
                text,
                f"Natively: processes: {{…: {{instances: {len(containers)}}}}} in the catalogue.",
            )
    if source.naming() == "both":
        text = "Some containers are named as Compose v1 does, some as v2: a later up may double or recreate them."
        yield Finding(
            DECISION, "mixed-naming", source.project, text, "Bring the project up with one version of Compose first."
        )
    if source.naming() == "v1" and source.bundle.get("plugin"):
        text = "Compose v1 made the containers, and v2 is installed: its up recreates every one of them."
        yield Finding(
            NOTE,
            "compose-versions",
            source.project,
            text,
            "Until finalise use docker start and stop, not docker compose up.",
        )


def _drift(source: Source) -> Iterator[Finding]:
    for name, containers in source.services.items():
        spec = source.model.services.get(name)
        if spec is None:
            continue
        for one in containers:
            differing = list(_differences(source, spec, one))
            if differing:
                text = (
                    f"The container {one.name} differs from the files in: {', '.join(differing)}. The container counts."
                )
                remedy = "Look whether the change was meant; a later up would bring what the files say."
                yield Finding(NOTE, "drift", name, text, remedy)


def _differences(source: Source, spec: ServiceSpec, one: Container) -> Iterator[str]:
    if spec.image and spec.image not in (one.image, f"{one.image}:latest") and one.image != f"{spec.image}:latest":
        yield "image"
    unset = {missing.where for missing in source.missing}
    wanted, image = source.files_environment(spec), source.image_environment(one)
    for key in sorted({*wanted, *one.environment}):
        if any(
            where.startswith(f"services.{spec.name}.environment") and where.rpartition(".")[2] == key for where in unset
        ):
            continue
        if key in wanted and wanted[key] is not None and wanted[key] != one.environment.get(key):
            yield f"environment {key}"
        elif key not in wanted and one.environment[key] != image.get(key):
            yield f"environment {key} (not in the files)"
    if spec.command is not None and spec.command != [str(word) for word in one.raw["Config"].get("Cmd") or []]:
        yield "command"
    wanted_ports = {(port.host, port.container, port.protocol) for port in spec.ports}
    if wanted_ports != {(port.host_port, port.container_port, port.protocol) for port in one.published}:
        yield "ports"
    targets = {mount.target.rstrip("/") for mount in spec.volumes} | set(spec.secrets)
    named = {mount.target.rstrip("/") for mount in one.mounts if not mount.anonymous and mount.kind != "tmpfs"}
    if targets - {mount.target.rstrip("/") for mount in one.mounts} or named - targets:
        yield "volumes"
    if spec.restart != source.restart_policy(one):
        yield "restart policy"


def _data(source: Source) -> Iterator[Finding]:
    holds = {raw["Name"]: raw.get("holds", {}) for raw in source.bundle["volumes"]}
    for one in source.containers:
        for mount in one.mounts:
            amount = holds.get(mount.name, {})
            if mount.anonymous and amount.get("files"):
                text = f"{mount.target} lies in a volume without a name ({mount.name[:12]}…), which holds {amount['files']} files, {amount['bytes']} bytes."
                remedy = f"If they matter, make them a datastore: docker: {{volume: {mount.name}}}."
                yield Finding(DECISION, "anonymous-volume", f"{one.service}:{mount.target}", text, remedy)
        layer = source.bundle["layers"].get(one.id, [])
        if layer:
            paths = ", ".join(path for __, path in layer[:SHOWN]) + (" …" if len(layer) > SHOWN else "")
            text = f"{len(layer)} files lie in the container's own layer and would be left behind: {paths}."
            remedy = (
                f"If they matter, copy them out (docker cp {one.name}:PATH …) and name their place in the catalogue."
            )
            yield Finding(DECISION, "layer-files", one.service, text, remedy)


def unmapped(source: Source, catalogue: Mapping[str, Any]) -> Iterator[Finding]:
    """What the catalogue does not know, and what it names that is not there."""
    processes, stores = named_by(catalogue)
    known = {*processes, *(store["service"] for store in stores if store.get("service"))}
    if not source.services:
        return
    for name in source.services:
        if name not in known:
            text = "No process and no datastore of the catalogue names it: nothing of it would move."
            yield Finding(DECISION, "unknown-service", name, text, f"Name it: docker: {{service: {name}}}.")
    for name, owner in processes.items():
        if name not in source.services:
            text = f"The catalogue names it as the Docker side of {owner}, but the project has no container of it."
            yield Finding(
                DECISION, "missing-service", name, text, "Start it, or correct docker: {service: …} in the catalogue."
            )
    volumes = {store["volume"] for store in stores if store.get("volume")}
    servers = {store["service"] for store in stores if store.get("service")}
    for store in stores:
        if store.get("service") and store["service"] not in source.services:
            text = f"The catalogue names it as the server of the datastore {store['name']}, but the project has no container of it."
            yield Finding(
                BLOCKING,
                "missing-server",
                store["service"],
                text,
                "Correct docker: {service: …}, or take it out (null).",
            )
        for one in source.services.get(store.get("service", ""), []):
            if not one.running:
                text = f"{one.name}, the server of the datastore {store['name']}, does not run ({one.state}): data is read from a running one."
                yield Finding(BLOCKING, "server-stopped", one.service, text, f"Start it: docker start {one.name}")
    for raw in source.bundle["volumes"]:
        seen = source.volume(raw)
        names = {raw["Name"], seen["name_in_files"], raw["Name"].removeprefix(f"{source.project}_")}
        if not names & volumes and not set(seen["services"]) & servers and not seen["anonymous"] and seen.get("files"):
            text = f"No datastore of the catalogue names this volume, which holds {seen['files']} files, {seen['bytes']} bytes."
            remedy = f"If they matter, make it a datastore: docker: {{volume: {seen['name_in_files'] or raw['Name']}}}."
            yield Finding(DECISION, "unknown-volume", seen["name_in_files"] or raw["Name"], text, remedy)


def named_by(catalogue: Mapping[str, Any]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """By Compose service the process that it is, and of every datastore what the catalogue says of its Docker side."""
    processes = {
        process["docker"]["service"]: f"{service['name']}.{process['name']}"
        for service in catalogue["services"].values()
        for process in service["processes"].values()
        if (process.get("docker") or {}).get("service")
    }
    stores = [{"name": name, **(store.get("docker") or {})} for name, store in catalogue["datastores"].items()]
    return processes, stores
