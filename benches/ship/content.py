"""What the images are made of: the same kind of bytes each run, never the same bytes."""

import os
import pathlib
import subprocess

MB = 1_000_000
# Sixteen letters: half of each byte is information, so such bytes pack to about half.
LETTERS = bytes(b"etaoinshrdlucmfw"[value % 16] for value in range(256))


def noise(size):
    return os.urandom(size)


def text(size):
    return os.urandom(size).translate(LETTERS)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def letters(path, size):
    """A file that packs to about half."""
    write(path, text(size))


def blobs(folder, megabytes):
    """Files of 10 MB, every other one packable."""
    for number in range(megabytes // 10):
        make = text if number % 2 else noise
        write(folder / f"part-{number}", make(10 * MB))


def tree(folder, files=20_000, size=10_000):
    """Many small files in 200 folders."""
    for number in range(files):
        write(folder / f"{number % 200:03}" / f"{number:05}", text(size // 2) + noise(size // 2))


def change_one_file(folder):
    path = folder / "100" / "10100"
    content = bytearray(path.read_bytes())
    content[5_000:5_100] = noise(100)
    path.write_bytes(content)


def change_all_times(folder):
    """As a fresh checkout does."""
    for path in folder.rglob("*"):
        os.utime(path)


def image(tag, folder, base=None):
    """Builds `tag` from a folder in one layer, on `base` when there is one."""
    dockerfile = f"FROM {base or 'scratch'}\nCOPY . /{tag.split(':')[0]}/\n"
    if base is None:
        dockerfile += 'CMD ["/none"]\n'
    path = pathlib.Path(f"{folder}.Dockerfile")
    path.write_text(dockerfile)
    command = ["docker", "build", "--no-cache", "--quiet", "--tag", tag, "--file", str(path), str(folder)]
    # The classic builder is everywhere, and makes one layer of one COPY; its cache would not see
    # that only times changed.
    environment = dict(os.environ, DOCKER_BUILDKIT="0")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"cannot build {tag}: {done.stderr}")

