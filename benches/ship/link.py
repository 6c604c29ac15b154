"""The way between this machine and a node: counted, limited, made longer."""

import collections
import pathlib
import select
import socket
import subprocess
import threading
import time


class Node:
    """A node of the lab, and its network as this machine's kernel sees it."""

    def __init__(self, lab, name, addr):
        self.container = f"webpods-lab-{lab}-{name}"
        self.name = name
        self.addr = addr

    def run(self, script):
        """Runs a script on the node without using its network."""
        command = ["docker", "exec", self.container, "sh", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout

    def received(self):
        """Bytes that came in through its interface since it was started."""
        return int(self.run("cat /sys/class/net/eth0/statistics/rx_bytes"))

    def sent(self):
        return int(self.run("cat /sys/class/net/eth0/statistics/tx_bytes"))

    def disk(self):
        """Megabytes that images take: in the engine, in webpods' cache."""
        folders = "/var/lib/docker/overlay2 /var/lib/docker/image /var/lib/webpods"
        total = self.run(f"du -scxm {folders} 2>/dev/null | tail -n 1 || true")
        return int(total.split()[0])

    def forget(self):
        """Removes every image and the cache."""
        self.run(
            "docker ps -aq | xargs -r docker rm -f >/dev/null; "
            "docker images -aq | sort -u | xargs -r docker rmi -f >/dev/null 2>&1; "
            "docker image prune -af >/dev/null; rm -rf /var/lib/webpods/cache"
        )

    def interface(self):
        """The end of its link on this machine."""
        index = self.run("cat /sys/class/net/eth0/iflink").strip()
        for path in pathlib.Path("/sys/class/net").iterdir():
            if (path / "ifindex").read_text().strip() == index:
                return path.name
        raise RuntimeError(f"no interface of this machine leads to {self.name}")

    def limit(self, megabits):
        """Limits what reaches it; None lifts the limit."""
        interface = self.interface()
        remove = ["tc", "qdisc", "del", "dev", interface, "root"]
        subprocess.run(remove, stderr=subprocess.DEVNULL, check=False)
        if megabits is not None:
            rate = f"{megabits}mbit"
            shape = ["tbf", "rate", rate, "burst", "64kb", "latency", "100ms"]
            add = ["tc", "qdisc", "add", "dev", interface, "root", *shape]
            subprocess.run(add, check=True)


class Delay:
    """A port of this machine that leads to a node's sshd, each way `seconds` later."""

    def __init__(self, addr, seconds):
        self.target = (addr, 22)
        self.seconds = seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            for pair in ((client, server), (server, client)):
                for end in pair:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, sink):
        """Passes bytes on in order, each piece when its time has come."""
        waiting = collections.deque()
        open_ended = True
        while open_ended or waiting:
            patience = max(0, waiting[0][0] - time.monotonic()) if waiting else None
            if open_ended and select.select([source], [], [], patience)[0]:
                piece = read(source)
                open_ended = piece != b""
                waiting.append((time.monotonic() + self.seconds, piece))
            elif waiting and not open_ended:
                time.sleep(patience)
            while waiting and waiting[0][0] <= time.monotonic():
                piece = waiting.popleft()[1]
                try:
                    sink.sendall(piece) if piece else sink.shutdown(socket.SHUT_WR)
                except OSError:
                    return

    def close(self):
        self.listener.close()


def read(source):
    try:
        return source.recv(1 << 18)
    except OSError:
        return b""
