#!/usr/bin/env python3
"""Ratios of webpods against Docker Compose over ssh, measured in one run on a lab.

Run it with `make bench`. It expects a lab named in WEBPODS_BENCH_LAB (default: bench), the
release binary in WEBPODS_BIN and a `docker compose` plugin. Absolute times depend on the machine;
ratios of neighbouring runs do not, so those are printed.
"""

import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEBPODS = os.environ.get("WEBPODS_BIN", str(ROOT / "target/release/webpods"))
LAB = os.environ.get("WEBPODS_BENCH_LAB", "bench")
ROUNDS = int(os.environ.get("WEBPODS_BENCH_ROUNDS", "7"))


def run(argv, cwd=None, env=None, check=True):
    """Runs a command to its end; returns (seconds, stdout)."""
    begun = time.monotonic()
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = time.monotonic() - begun
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def cpu_of(argv):
    """CPU seconds of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(argv)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def peak_of(argv, cwd):
    """Peak resident memory of a command in MiB, by watching it: RUSAGE_CHILDREN would mix runs."""
    child = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0
    status = Path(f"/proc/{child.pid}/status")
    while child.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            peak = max(peak, int(found.group(1)) if found else 0)
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)
    if child.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed:\n{child.stderr.read()}")
    return peak / 1024


def pairs(name, target, ours, rival):
    """Runs both in turn and prints the median of the ratios, pair by pair."""
    ours(), rival()
    found = []
    times = ([], [])
    for _ in range(ROUNDS):
        a, b = ours(), rival()
        times[0].append(a)
        times[1].append(b)
        found.append(a / b)
    ratio = statistics.median(found)
    verdict = "ok" if ratio <= target else "MISSED"
    print(f"{name:<44} {ratio:5.2f}  (target {target}; {min(found):.2f}..{max(found):.2f}; "
          f"medians {statistics.median(times[0]):.3f} s against "
          f"{statistics.median(times[1]):.3f} s)  {verdict}", flush=True)


def node(context):
    """Address and key of the lab's first node, read from its context file."""
    _, text = run([WEBPODS, "-c", LAB, "--format", "json", "context", "inspect", LAB], cwd=context)
    found = json.loads(text)
    host = found["hosts"][0]
    return host["addr"], found["ssh"]["user"], found["ssh"]["key"], found["ssh"]["known_hosts"]


def rival_environment(folder, project):
    """Compose over ssh, with an `ssh` on PATH that knows the lab's key."""
    addr, user, key, known = node(project)
    tools = folder / "tools"
    tools.mkdir()
    shim = tools / "ssh"
    shim.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -i "{key}" -o IdentitiesOnly=yes '
                    f'-o UserKnownHostsFile="{known}" "$@"\n')
    shim.chmod(0o755)
    return dict(os.environ, DOCKER_HOST=f"ssh://{user}@{addr}",
                PATH=f"{tools}:{os.environ['PATH']}")


def rival_project(folder, env):
    """The same number of services as the shop, from images that are on the node already."""
    _, text = run(["docker", "ps", "--format", "{{.Image}}"], env=env)
    image = next(line for line in text.splitlines() if line.startswith("webpods/"))
    rival = folder / "rival"
    rival.mkdir()
    services = "".join(f"  s{n}:\n    image: {image}\n" for n in range(4))
    (rival / "compose.yml").write_text(f"name: rival\nservices:\n{services}")
    run(["docker", "compose", "up", "-d"], cwd=rival, env=env)
    return rival


def disconnect():
    """Ends kept ssh connections, so that the next command starts cold."""
    run([WEBPODS, "lab", "disconnect", "--name", LAB], check=False)
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", Path.home() / ".cache")) / "webpods"
    for socket in runtime.rglob("*"):
        if socket.is_socket():
            subprocess.run(["ssh", "-S", str(socket), "-O", "exit", "-"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def big_image(folder):
    """A project whose image is 1 GB of bytes that do not compress."""
    project = folder / "big"
    (project / ".webpods").mkdir(parents=True)
    shutil.copytree(ROOT / ".bench/.webpods", project / ".webpods", dirs_exist_ok=True)
    with open(project / "blob", "wb") as blob:
        for _ in range(1024):
            blob.write(os.urandom(1 << 20))
    (project / "Dockerfile").write_text("FROM scratch\nCOPY blob /blob\n")
    (project / "compose.yml").write_text(
        "name: big\nservices:\n  big:\n    build: .\n    command: [/blob]\n")
    return project


def main():
    print("webpods against Docker Compose over ssh, ratios (smaller is better)")
    cpu = statistics.median(cpu_of([WEBPODS, "--version"]) for _ in range(9)) * 1000
    print(f"{'webpods --version, CPU':<44} {cpu:5.1f} ms  (target 15)  "
          f"{'ok' if cpu <= 15 else 'MISSED'}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shop = folder / "shop"
        shutil.copytree(ROOT / "examples/shop", shop)
        shutil.copytree(ROOT / ".bench/.webpods/contexts", shop / ".webpods/contexts",
                        dirs_exist_ok=True)
        up = [WEBPODS, "-c", LAB, "up", "-d"]
        run(up, cwd=shop)
        env = rival_environment(folder, shop)
        rival = rival_project(folder, env)
        compose = ["docker", "compose", "up", "-d"]
        try:
            pairs("up with nothing to do, 3 nodes, warm", 0.7,
                  lambda: run(up, cwd=shop)[0],
                  lambda: run(compose, cwd=rival, env=env)[0])

            def cold():
                disconnect()
                return run(up, cwd=shop)[0]

            pairs("up with nothing to do, 3 nodes, cold", 1.5, cold,
                  lambda: run(compose, cwd=rival, env=env)[0])
            big = big_image(folder)
            run([WEBPODS, "-c", LAB, "build"], cwd=big)
            peak = peak_of([WEBPODS, "-c", LAB, "push"], big)
            print(f"{'push of a 1 GB image, peak memory':<44} {peak:5.1f} MiB  (target 64)  "
                  f"{'ok' if peak <= 64 else 'MISSED'}")
            run([WEBPODS, "-c", LAB, "down"], cwd=big, check=False)
        finally:
            run(["docker", "compose", "down", "-t", "0"], cwd=rival, env=env, check=False)
            run([WEBPODS, "-c", LAB, "down"], cwd=shop, check=False)


if __name__ == "__main__":
    main()
