"""Runs Docker Compose on the cases; see regenerate.sh.

A case is a folder with Compose files and perhaps a case.json, all of whose fields may be left out:

    files, env_files, profiles, services, flags    lists; by default -f compose.yml --profile '*'
    environment         variables of the process
    unnamed             true: no -p, so that the files, variables and folders name the project
    directory           the folder below the case to run in
    project_directory   --project-directory
    stdin               the file that standard input is
    text                true: what is printed with exactly these flags counts, as it is

Written are expected.json and expected.yml, or expected.out for text, or nothing when Compose
refuses the case. tests/all/compose/case.rs reads the same fields.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent.resolve()
ENVIRONMENT = {
    "DOCKER_CONFIG": "/nonexistent/docker",
    "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "TZ": "UTC",
}


def command(case):
    words = [] if case.get("unnamed") else ["-p", "proj"]
    if "project_directory" in case:
        words += ["--project-directory", case["project_directory"]]
    for flag, key, default in [
        ("-f", "files", ["compose.yml"]),
        ("--profile", "profiles", ["*"]),
        ("--env-file", "env_files", []),
    ]:
        for word in case.get(key, default):
            words += [flag, word]
    return words + ["config"] + case.get("flags", []) + case.get("services", [])


def ask(folder, case, extra):
    stdin = folder / case["stdin"] if "stdin" in case else os.devnull
    with open(stdin, "rb") as stdin:
        done = subprocess.run(
            [os.environ["COMPOSE"], *command(case), *extra],
            cwd=folder / case.get("directory", "."),
            env=ENVIRONMENT | case.get("environment", {}),
            stdin=stdin,
            capture_output=True,
            timeout=60,
        )
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        return None, " ".join(line for line in lines if "level=warning" not in line)
    text = done.stdout.decode().replace(str(folder), "/case").replace(str(folder.parent), "")
    return text, None


def regenerate(folder):
    description = folder / "case.json"
    case = json.loads(description.read_text()) if description.exists() else {}
    wanted = {"expected.json": ["--format", "json"], "expected.yml": ["--format", "yaml"]}
    if case.get("text"):
        wanted = {"expected.out": []}
    for name in ["expected.json", "expected.yml", "expected.out"]:
        (folder / name).unlink(missing_ok=True)
    for name, extra in wanted.items():
        text, refused = ask(folder, case, extra)
        if refused is not None and "panic: " in refused:
            return f"{folder.name}: NO MEASURE, Compose crashes: {refused[:200]}"
        if refused is not None:
            return f"{folder.name}: refused: {refused[:300]}"
        (folder / name).write_text(text)
    (folder / "expected.txt").unlink(missing_ok=True)
    return None


folders = [HERE / name for name in sys.argv[1:]] or sorted(
    path for path in HERE.iterdir() if path.is_dir()
)
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for line in pool.map(regenerate, folders):
        if line:
            print(line)
