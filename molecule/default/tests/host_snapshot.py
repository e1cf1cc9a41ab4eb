"""What a host is made of, read by other means than the collection's: run on the host by its own Python, prints JSON."""

import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess

# Where packages, the system and this test's own tools write by themselves, each with why it is not compared.
PASSED_OVER = {
    "/proc": "the kernel's",
    "/sys": "the kernel's",
    "/dev": "the kernel's",
    "/run": "gone with a restart",
    "/tmp": "gone with a restart",
    "/var/tmp": "programs' scratch space",
    "/root/.ansible": "Ansible's scratch space",
    "/var/cache": "what can be fetched or made again: downloaded packages, the list of manual pages, debconf's answers",
    "/var/lib/apt": "package lists, and which package was asked for by whom",
    "/var/lib/dpkg": "dpkg's own books, compared as the list of packages",
    "/var/lib/systemd": "when timers ran last, random seed, what the manager counted",
    "/var/lib/ucf": "the books of ucf, which packages use for their configuration",
    "/var/log": "logs say what happened; the directories in it are compared",
    "/etc/ld.so.cache": "made from the libraries that there are",
    "/etc/passwd-": "the account tools' copy of the last state",
    "/etc/group-": "the account tools' copy of the last state",
    "/etc/shadow-": "the account tools' copy of the last state",
    "/etc/gshadow-": "the account tools' copy of the last state",
    "/etc/subuid-": "the account tools' copy of the last state",
    "/etc/subgid-": "the account tools' copy of the last state",
}


def name(lookup, number):
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def described(path):
    status = os.lstat(path)
    mode = status.st_mode
    words = [format(stat.S_IMODE(mode), "04o"), name(pwd.getpwuid, status.st_uid), name(grp.getgrgid, status.st_gid)]
    if stat.S_ISLNK(mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISDIR(mode):
        return " ".join(["directory", *words])
    if stat.S_ISREG(mode):
        with open(path, "rb") as file:
            return " ".join(["file", *words, hashlib.sha256(file.read()).hexdigest()])
    return " ".join(["other", *words])


def files():
    found = {}
    for folder, folders, names in os.walk("/"):
        folders[:] = [each for each in folders if os.path.join(folder, each) not in PASSED_OVER]
        # Python writes these when it is used for the first time.
        folders[:] = [each for each in folders if each != "__pycache__"]
        for each in [*folders, *names]:
            path = os.path.join(folder, each)
            if path not in PASSED_OVER:
                try:
                    found[path] = described(path)
                except FileNotFoundError:
                    continue
    return found


def lines(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    except FileNotFoundError:  # no such program, so none of what it knows
        return []


def rows(*words):
    return {parts[0]: " ".join(parts[1:]) for line in lines(*words) if (parts := line.split())}


def kernel():
    """Those of the network. The others belong to the machine around this container, whose other hosts set them as well."""
    found = {}
    for folder, __, names in os.walk("/proc/sys/net"):
        for each in names:
            path = os.path.join(folder, each)
            # What the kernel changes by itself as interfaces and connections come and go.
            if not any(word in path for word in ("/conf/", "/neigh/", "_count", "nf_conntrack_")):
                try:
                    with open(path) as file:
                        found[path] = file.read().strip()
                except OSError:
                    continue
    return found


def main():
    units = lines("systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service,socket,timer,target")
    print(
        json.dumps(
            {
                "files": files(),
                "log directories": {
                    each.name: described(each.path) for each in os.scandir("/var/log") if each.is_dir()
                },
                "packages": {
                    parts[0]: parts[1]
                    for line in lines(
                        "dpkg-query", "--show", "--showformat=${binary:Package}\t${Version}\t${db:Status-Abbrev}\n"
                    )
                    if (parts := line.split("\t"))[2].startswith("i")
                },
                "left configuration": {
                    parts[0]: parts[2]
                    for line in lines(
                        "dpkg-query", "--show", "--showformat=${binary:Package}\t${Version}\t${db:Status-Abbrev}\n"
                    )
                    if (parts := line.split("\t"))[2].startswith("r")
                },
                "held": {each: "held" for each in lines("apt-mark", "showhold")},
                "unit files": rows("systemctl", "list-unit-files", "--plain", "--no-legend"),
                "units": {parts[0]: parts[2] for line in units if (parts := line.split())[2] in ("active", "failed")},
                "users": {entry.pw_name: ":".join(map(str, entry[2:])) for entry in pwd.getpwall()},
                "groups": {
                    entry.gr_name: f"{entry.gr_gid}: {' '.join(sorted(entry.gr_mem))}" for entry in grp.getgrall()
                },
                "kernel settings": kernel(),
                "packet filter": {str(at): line for at, line in enumerate(lines("nft", "list", "ruleset"))},
            }
        )
    )


main()
