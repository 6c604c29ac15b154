"""Measures ways of bringing images to hosts, all in one run, and prints one table.

usage: ship.py LAB WORK WEBPODS ADDR ADDR ADDR

CASES=tree,first… chooses cases; WAYS=webpods,… chooses ways.
"""

import multiprocessing
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import content
from link import Delay, Node
from ways import Lab, Registry, Save, Skopeo, Webpods

THIN = 50  # Mbit/s
HALF_TRIP = 0.05  # seconds that a delayed link adds each way


class Case:
    """What is delivered first, and what then, measured."""

    def __init__(self, name, title, before, after, hosts=1, rounds=1):
        self.name, self.title = name, title
        self.before, self.after = before, after
        # On a fast link what else the machine does shows, so what is compared there is the median
        # of some rounds, in which all ways take turns.
        self.hosts, self.rounds = hosts, rounds


class Row:
    def __init__(self, case, link, way, seconds, wire, trips, memory, disk):
        self.case, self.link, self.way = case, link, way
        self.seconds, self.wire, self.trips = seconds, wire, trips
        self.memory, self.disk = memory, disk


def run(command, log):
    """Runs a command; seconds, and the most memory that one of its processes had, in MB."""
    before = time.monotonic()
    # pipefail: a broken `docker save` is a broken delivery.
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        log.flush()
        tail = pathlib.Path(log.name).read_text()[-2000:]
        raise SystemExit(f"failed: {command}\n{tail}")
    return seconds, usage.ru_maxrss * 1024 / content.MB


class Bench:
    def __init__(self, lab, nodes, log):
        self.lab, self.nodes, self.log = lab, nodes, log
        self.rows = []

    def clean(self):
        for node in self.nodes:
            node.forget()

    def compare(self, case, ways, link, rounds=1, megabits=None):
        rows = [[self.measure(case, way, link, megabits) for way in ways] for _ in range(rounds)]
        for of_one_way in zip(*rows):
            row = sorted(of_one_way, key=lambda row: row.seconds)[rounds // 2]
            row.memory = max(row.memory for row in of_one_way)
            self.rows.append(row)
            show(row)

    def measure(self, case, way, link, megabits=None):
        nodes = self.nodes[: case.hosts]
        self.clean()
        way.fresh()
        if case.before:
            run(way.command(case.before, nodes), self.log)
            way.new_client()
        disk = sum(node.disk() for node in nodes)
        for node in nodes:
            node.limit(megabits)
        way.disconnect()
        # What another way left to be written to disks is not this one's.
        os.sync()
        wire = sum(node.received() for node in nodes)
        try:
            seconds, memory = run(way.command(case.after, nodes), self.log)
        finally:
            for node in nodes:
                node.limit(None)
        wire = sum(node.received() for node in nodes) - wire
        disk = sum(node.disk() for node in nodes) - disk
        return Row(case, link, way, seconds, wire / content.MB, None, memory, disk)

    def idle(self, case, way):
        """Nothing to bring: over open connections, and over a link that is long."""
        nodes = self.nodes[: case.hosts]
        self.clean()
        way.fresh()
        run(way.command(case.before, nodes), self.log)
        command = way.command(case.after, nodes)
        run(command, self.log)
        wire = sum(node.received() for node in nodes)
        seconds, memory = min(run(command, self.log) for _ in range(5))
        wire = (sum(node.received() for node in nodes) - wire) / 5
        trips = self.trips(case, way, nodes) if case.hosts == 1 else None
        row = Row(case, "fast", way, seconds, wire / content.MB, trips, memory, 0)
        self.rows.append(row)
        show(row)

    def trips(self, case, way, nodes):
        """How often the command waits for the host: what a longer link adds, in round trips."""
        delays = [Delay(nodes[0].addr, seconds) for seconds in (0, HALF_TRIP)]
        took = []
        for delay in delays:
            self.lab.reach(delay)
            way.disconnect()
            command = way.command(case.after, nodes)
            # The first opens the connection, where it is kept.
            run(command, self.log)
            took.append(min(run(command, self.log)[0] for _ in range(3)))
            delay.close()
        self.lab.reach(None)
        way.disconnect()
        return (took[1] - took[0]) / (2 * HALF_TRIP)


HEAD = ("case", "link", "way", "seconds", "MB sent", "round trips", "client MB", "host MB")
FORMAT = "{:<38} {:<8} {:<18} {:>8} {:>9} {:>12} {:>10} {:>8}"


def show(row):
    trips = "" if row.trips is None else f"{row.trips:.1f}"
    cells = (
        *(row.case.title, row.link, row.way.name, f"{row.seconds:.2f}"),
        *(f"{row.wire:.2f}", trips, f"{row.memory:.0f}", row.disk),
    )
    print(FORMAT.format(*cells), flush=True)


def find(rows, case, way, link="fast"):
    for row in rows:
        if (row.case.name, row.way.name, row.link) == (case, way, link):
            return row
    return None


def targets(rows, layer, packed):
    """What was aimed at, and what it came to."""
    mine, save, registry = Webpods.name, Save.name, Registry.name
    thin = f"{THIN} Mbit"
    goals = [
        ("first push, 1 host, of the registry's time", "first", mine, "fast", registry, 1.0),
        ("first push, 1 host, of docker save's time", "first", mine, "fast", save, 1.1),
        ("first push, 3 hosts, of docker save's time", "first3", mine, "fast", save, 0.6),
        ("one small file, thin link, of the registry's time", "file", mine, thin, registry, 0.3),
        ("one small file, thin link, of docker save's time", "file", mine, thin, save, 0.3),
    ]
    for title, case, way, link, rival, most in goals:
        ours, theirs = find(rows, case, way, link), find(rows, case, rival, link)
        if ours and theirs:
            verdict(title, ours.seconds / theirs.seconds, most, f"{ours.seconds:.1f} s of {theirs.seconds:.1f} s")
    ours = find(rows, "first", mine, thin)
    if ours and packed:
        verdict("first push, thin link, bytes of zstd -3", ours.wire / packed, 1.02, f"{ours.wire:.1f} MB of {packed:.1f} MB")
        wire_time = packed * 8 / THIN
        verdict("first push, thin link, time of those bytes", ours.seconds / wire_time, 1.1, f"{ours.seconds:.1f} s of {wire_time:.1f} s")
    for title, case, most in (("one small file", "file", 0.01), ("all file times", "times", 0.05)):
        ours = find(rows, case, mine)
        if ours:
            verdict(f"{title}, part of the layer sent", ours.wire / layer, most, f"{ours.wire:.2f} MB of {layer:.0f} MB")
    ours = find(rows, "same", mine)
    if ours:
        verdict("nothing changed, seconds", ours.seconds, 0.3, f"{ours.wire * 1000:.0f} kB, {ours.trips:.1f} round trips")
    memory = [row.memory for row in rows if row.way.name == mine]
    if memory:
        verdict("memory, MB", max(memory), 64, "the most of all cases")


def verdict(title, value, most, facts):
    word = "ok" if value <= most else "MISSED"
    print(f"{title:<52} {value:7.3f}  at most {most:<5} {word:<7} {facts}")


def aside(make, *args):
    """Makes content in another process: what this one ever took counts for all that it starts."""
    process = multiprocessing.get_context("fork").Process(target=make, args=args)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit("the content of images cannot be made")


def build(work, chosen):
    """Makes the images of the chosen cases."""
    folder = work / "content"
    cases = []
    if {"first", "first3", "same"} & chosen:
        aside(content.blobs, folder / "first", 500)
        content.image("bench-first:1", folder / "first")
        tags = ["bench-first:1"]
        cases += [
            Case("first", "500 MB, first push", None, tags, rounds=3),
            Case("first3", "500 MB, first push, 3 hosts", None, tags, hosts=3, rounds=3),
            Case("same", "nothing changed", tags, tags),
        ]
    if {"file", "times"} & chosen:
        aside(content.tree, folder / "tree")
        content.image("bench-tree:1", folder / "tree")
        aside(content.change_one_file, folder / "tree")
        content.image("bench-tree:2", folder / "tree")
        aside(content.change_all_times, folder / "tree")
        content.image("bench-tree:3", folder / "tree")
        cases += [
            Case("file", "200 MB in 20,000 files, one changed", ["bench-tree:1"], ["bench-tree:2"]),
            Case("times", "the same, all file times changed", ["bench-tree:2"], ["bench-tree:3"]),
        ]
    if "binary" in chosen:
        for number in ("1", "2"):
            program = work / f"binary-{number}"
            place = folder / f"binary-{number}"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(program, place / "program")
            content.image(f"bench-binary:{number}", place)
        cases.append(Case("binary", "a program, one line changed", ["bench-binary:1"], ["bench-binary:2"]))
    if "base" in chosen:
        aside(content.blobs, folder / "base", 100)
        content.image("bench-base:1", folder / "base")
        tags = []
        for name in ("one", "two", "three"):
            aside(content.letters, folder / name / "app", 5 * content.MB)
            tags.append(f"bench-{name}:1")
            content.image(tags[-1], folder / name, base="bench-base:1")
        cases.append(Case("base", "three images, one base of 100 MB", None, tags))
    shutil.rmtree(folder, ignore_errors=True)
    return [case for case in cases if case.name in chosen]


def packed_size(tag):
    """Megabytes that `zstd -3` makes of an image's layers."""
    command = f"docker save {tag} | tar -xO --wildcards '*layer.tar' | zstd -3 -c | wc -c"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    return int(done.stdout) / content.MB


def main():
    # What was started ends with this, however it ends.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    lab_name, work, webpods, *addresses = sys.argv[1:]
    work = pathlib.Path(work)
    lab = Lab(lab_name, work, webpods)
    nodes = [Node(lab_name, f"node-{n}", addr) for n, addr in enumerate(addresses, 1)]
    everything = "first,first3,same,file,times,binary,base"
    chosen = set(os.environ.get("CASES", everything).split(","))
    wanted = os.environ.get("WAYS", "webpods,docker,registry,skopeo").split(",")
    ways = [Webpods(lab), Save(lab), Registry(lab)]
    if shutil.which("skopeo"):
        ways.append(Skopeo(lab))
    ways = [way for way in ways if way.name.split()[0].strip(",") in wanted]
    cases = build(work, chosen)
    print(FORMAT.format(*HEAD))
    with (work / "log").open("w+") as log:
        bench = Bench(lab, nodes, log)
        try:
            for case in cases:
                if case.name == "same":
                    for way in ways:
                        bench.idle(case, way)
                    continue
                bench.compare(case, ways, "fast", case.rounds)
                if case.hosts == 1:
                    bench.compare(case, ways, f"{THIN} Mbit", megabits=THIN)
        finally:
            for way in ways:
                way.stop()
            bench.clean()
    packed = packed_size("bench-first:1") if "first" in chosen else None
    print()
    targets(bench.rows, 200, packed)


if __name__ == "__main__":
    main()
