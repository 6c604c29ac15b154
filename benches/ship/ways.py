"""Ways to bring images to nodes. Each delivers tags to nodes and is measured from outside."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time


class Lab:
    """The lab's nodes, keys and folders."""

    def __init__(self, name, work, webpods):
        self.name = name
        self.work = pathlib.Path(work)
        self.webpods = webpods
        data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
        self.keys = pathlib.Path(data) / "webpods" / "labs" / name
        self.known_hosts = self.work / "known_hosts"
        # A node that is reached through another port of this machine keeps its key.
        keys = [line.split(" ", 1) for line in (self.keys / "known_hosts").read_text().splitlines()]
        self.host_keys = {addr.strip("[]").split("]")[0]: key for addr, key in keys if key}
        self.reach(None)

    def reach(self, delay):
        """Writes down how nodes are reached: straight, or node-1 through a port that delays."""
        self.delay = delay
        lines = [f"{addr} {key}" for addr, key in self.host_keys.items()]
        if delay:
            lines.append(f"[127.0.0.1]:{delay.port} {self.host_keys[delay.target[0]]}")
        self.known_hosts.write_text("\n".join(lines) + "\n")

    def where(self, node):
        """Address and port of a node's sshd."""
        if self.delay and self.delay.target[0] == node.addr:
            return "127.0.0.1", self.delay.port
        return node.addr, 22

    def ssh(self, node, *options):
        addr, port = self.where(node)
        return [
            *("ssh", "-F", "none", "-i", str(self.keys / "id_ed25519")),
            *("-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={self.known_hosts}"),
            *("-o", "BatchMode=yes", "-p", str(port), *options, f"root@{addr}"),
        ]


def shell(words):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


class Way:
    """A way to deliver. What a way does not keep, it need not forget."""

    def __init__(self, lab):
        self.lab = lab

    def fresh(self):
        """Forgets everything, on this machine too."""

    def new_client(self):
        """From now on another machine delivers, as a new CI runner does."""

    def disconnect(self):
        """Closes connections that are kept open."""

    def stop(self):
        """Ends what runs beside."""


class Webpods(Way):
    """`webpods push`, from a machine that has the images in its engine and nothing else."""

    name = "webpods"

    def __init__(self, lab):
        super().__init__(lab)
        self.folder = lab.work / "project"
        self.fresh()

    def fresh(self):
        self.cache = tempfile.mkdtemp(dir=self.lab.work, prefix="cache-")
        self.disconnect()

    new_client = fresh

    def disconnect(self):
        self.runtime = tempfile.mkdtemp(prefix="wp-")

    def command(self, tags, nodes):
        hosts = [node.name for node in nodes]
        services = {
            f"s{number}": {
                "image": tag,
                "deploy": {"replicas": len(hosts)},
                "x-placement": {"hosts": hosts},
            }
            for number, tag in enumerate(tags)
        }
        contexts = self.folder / ".webpods" / "contexts"
        contexts.mkdir(parents=True, exist_ok=True)
        (self.folder / "compose.yml").write_text(json.dumps({"name": "ship", "services": services}))
        inventory = []
        for node in nodes:
            addr, port = self.lab.where(node)
            inventory.append(
                {"name": node.name, "addr": addr, "port": port, "mesh_ip": node.addr}
            )
        context = {
            "hosts": inventory,
            "ssh": {
                "user": "root",
                "key": str(self.lab.keys / "id_ed25519"),
                "known_hosts": str(self.lab.known_hosts),
            },
        }
        (contexts / "ship.yml").write_text(json.dumps(context))
        environment = f"XDG_CACHE_HOME={self.cache} XDG_RUNTIME_DIR={self.runtime}"
        return f"cd {self.folder} && exec env {environment} {self.lab.webpods} -c ship push"


class Save(Way):
    """`docker save | ssh host docker load`, one host after the other."""

    name = "docker save | ssh"

    def command(self, tags, nodes):
        images = " ".join(tags)
        return " && ".join(
            f"docker save {images} | {shell(self.lab.ssh(node))} docker load" for node in nodes
        )


class Registry(Way):
    """A registry beside the client, reached by hosts through an ssh tunnel."""

    name = "registry, tunnel"

    def __init__(self, lab):
        super().__init__(lab)
        self.folder = lab.work / "registry"
        self.server = None

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "blobs")}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        path = self.folder / "config.yml"
        path.write_text(json.dumps(config))
        log = (self.folder / "log").open("w")
        self.server = subprocess.Popen(
            ["docker-registry", "serve", str(path)], stdout=log, stderr=log
        )
        wait_for_port(self.port)

    def fresh(self):
        self.stop()
        self.start()

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
            self.server = None

    def command(self, tags, nodes):
        names = [f"localhost:{self.port}/{tag}" for tag in tags]
        pushes = [
            f"docker tag {tag} {name} && docker push --quiet {name}"
            for tag, name in zip(tags, names)
        ]
        pulls = " && ".join(f"docker pull --quiet {name}" for name in names)
        tunnel = f"{self.port}:127.0.0.1:{self.port}"
        hosts = [shell([*self.lab.ssh(node, "-R", tunnel), pulls]) for node in nodes]
        return " && ".join([*pushes, *hosts])


class Skopeo(Way):
    """`skopeo copy` to an archive that the host's engine loads as it comes.

    The version that Debian 12 has speaks too old an API to reach a new engine itself.
    """

    name = "skopeo | ssh"

    def command(self, tags, nodes):
        return " && ".join(
            f"skopeo copy --quiet docker-daemon:{tag} docker-archive:/dev/stdout:{tag}"
            f" | {shell(self.lab.ssh(node))} docker load"
            for node in nodes
            for tag in tags
        )


def wait_for_port(port, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
