"""Runs two programs on the same Compose files by turns and compares them; see bench-config.sh.

usage: bench-config.py WEBPODS COMPOSE FOLDER ORDINARY
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

webpods, compose, folder, ordinary = sys.argv[1:]
folder = pathlib.Path(folder)
rounds = int(os.environ["ROUNDS"])
LIMIT = 0.25
ENVIRONMENT = {
    "DOCKER_CONFIG": "/nonexistent/docker",
    "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    "HOME": "/nonexistent",
    "PATH": "/usr/bin:/bin",
}


def large():
    """A thousand services in three shapes, and the file they extend."""
    lines = ["x-common: &common", "  restart: unless-stopped", "  networks: [front, back]"]
    lines += ["  logging: &logging {driver: json-file, options: {max-size: 10m, max-file: '3'}}"]
    lines += ["x-env: &env", "  TZ: UTC", "  LOG_LEVEL: ${V0:-info}", "services:"]
    for i in range(1000):
        lines += [f"  s{i}:"]
        if i % 2 == 0:
            lines += ["    <<: *common", f"    image: registry.example.com/s{i}:${{V{i % 200}:-latest}}"]
        else:
            lines += [f"    extends: {{file: base.yml, service: base{i % 5}}}", "    logging: *logging"]
        lines += ["    environment:", "      <<: *env", f"      NAME: s{i}"]
        lines += [f"      URL: http://${{V{(i + 7) % 200}:-host}}:{8000 + i}/${{V{(i + 90) % 200}}}"]
        lines += [f"    ports: ['{10000 + i}:80', '127.0.0.1:{20000 + i}:81/udp']"]
        lines += [f"    volumes: ['./data/{i}:/data:ro', 'v{i % 50}:/v']"]
        lines += [f"    labels: [com.example.n={i}, 'com.example.rule=Host(`s{i}.example.com`)']"]
        lines += ["    deploy: {resources: {limits: {cpus: '0.5', memory: 256M}}}"]
        lines += ["    healthcheck: {test: [CMD, curl, -f, http://localhost], interval: 10s, retries: 3}"]
        if i % 10:
            lines += [f"    depends_on: {{s{i - 1}: {{condition: service_healthy}}}}"]
    lines += ["networks: {front: , back: {internal: true}}", "volumes:"]
    lines += [f"  v{i}:" for i in range(50)]
    (folder / "compose.yml").write_text("\n".join(lines) + "\n")
    base = ["services:"]
    for i in range(5):
        base += [f"  base{i}:", f"    image: registry.example.com/base:{i}", "    cap_drop: [ALL]"]
        base += ["    environment: {BASE: '1'}", "    ulimits: {nofile: 1024}"]
    (folder / "base.yml").write_text("\n".join(base) + "\n")
    (folder / ".env").write_text("".join(f"V{i}=value-{i}\n" for i in range(200)))


def run(program, place):
    """Seconds and the most memory of one run, in megabytes."""
    words = [program, "-p", "bench", "-f", "compose.yml", "config", "--format", "json"]
    began = time.monotonic()
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(words, cwd=place, env=ENVIRONMENT, **silent)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{program} refuses {place}/compose.yml")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def both(place):
    """The middle of several, by turns, so that a busy machine is as busy for both."""
    seen = {webpods: [], compose: []}
    for _ in range(rounds):
        for program in seen:
            seen[program].append(run(program, place))
    middle = {p: [statistics.median(column) for column in zip(*rows)] for p, rows in seen.items()}
    return zip(middle[webpods], middle[compose])


def report(name, ours, theirs, unit):
    ratio = ours / theirs
    print(f"{name:16} {ratio:.2f}  ({ours:.0f} {unit} against {theirs:.0f} {unit}; at most {LIMIT})")
    return ratio <= LIMIT


large()
held = []
(ours, theirs), _ = both(ordinary)
held.append(report("config ordinary", ours * 1000, theirs * 1000, "ms"))
(ours, theirs), (our_memory, their_memory) = both(folder)
held.append(report("config large", ours * 1000, theirs * 1000, "ms"))
held.append(report("config memory", our_memory, their_memory, "MB"))
if not all(held):
    sys.exit("slower or larger than it may be")
