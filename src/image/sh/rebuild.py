# What rebuild.pl does, for hosts without perl. Needs python3 alone.
import os
import re
import stat
import sys

BLOCK = 1 << 18
BLOB = re.compile(r"[0-9a-f]{64}\Z")
LINE = re.compile(rb"([0-9]{1,18})(?: (-?[0-9]{1,18}) ([0-9]{1,18})( x)?)?\n")


class Ended(Exception):
    pass


def fail(why):
    sys.stderr.write("rebuild: %s\n" % why)
    sys.exit(9)


def opened(path, how):
    try:
        file = os.open(path, how | os.O_NOFOLLOW)
    except OSError as error:
        fail("cannot open %s: %s" % (path, error.strerror))
    if not stat.S_ISREG(os.fstat(file).st_mode):
        fail("cannot open %s: no file" % path)
    return file


class Part:
    """The blob as far as it is made."""

    def __init__(self, path, made):
        self.out = opened(path, os.O_WRONLY | os.O_APPEND)
        self.ready = bytearray()
        self.written = made

    def flush(self):
        for to in (self.out, 1):
            done = 0
            while done < len(self.ready):
                try:
                    done += os.write(to, self.ready[done:])
                except OSError as error:
                    sys.stderr.write("rebuild: cannot write: %s\n" % error.strerror)
                    sys.exit(7)
        self.written += len(self.ready)
        self.ready = bytearray()

    def take(self, file, left):
        while left > 0:
            got = os.read(file, min(left, BLOCK))
            if not got:
                self.flush()
                raise Ended
            self.ready += got
            left -= len(got)
            if len(self.ready) >= BLOCK:
                self.flush()

    def exactly(self, file, left):
        text = bytearray()
        while left > 0:
            got = os.read(file, left)
            if not got:
                self.flush()
                raise Ended
            text += got
            left -= len(got)
        return bytes(text)

    def input(self, left):
        try:
            return self.exactly(0, left)
        except Ended:
            sys.exit(8)

    def patch(self, file, left):
        """As take, changed by the input."""
        while left > 0:
            count = min(left, BLOCK)
            old = int.from_bytes(self.exactly(file, count), "little")
            new = old ^ int.from_bytes(self.input(count), "little")
            self.ready += new.to_bytes(count, "little")
            left -= count
            if len(self.ready) >= BLOCK:
                self.flush()


def make(blobs, part, made, size, *bases):
    made, size = int(made), int(size)
    files = []
    for base in bases:
        if not BLOB.match(base):
            fail("%s is no blob" % base)
        files.append(opened(blobs + "/" + base, os.O_RDONLY))
    to = Part(part, made)
    files.append(opened(part, os.O_RDONLY))
    ends = [0] * len(files)
    while made < size:
        length = to.input(8)
        if not re.match(rb"[0-9a-f]{8}\Z", length) or int(length, 16) >= 1 << 24:
            fail("no length")
        code = to.input(int(length, 16))
        at = 0
        for line in iter(lambda: LINE.match(code, at), None):
            at = line.end()
            count = int(line.group(3) or line.group(1))
            if count > size - made:
                fail("too many bytes")
            if line.group(3) is None:
                try:
                    to.take(0, count)
                except Ended:
                    sys.exit(8)
            else:
                number = int(line.group(1))
                if number >= len(files):
                    fail("no such base")
                place = ends[number] + int(line.group(2))
                if place < 0:
                    fail("a place before the beginning")
                if number == len(files) - 1 and place + count > to.written:
                    to.flush()
                    if place + count > to.written:
                        fail("a place behind the end")
                os.lseek(files[number], place, os.SEEK_SET)
                try:
                    (to.patch if line.group(4) else to.take)(files[number], count)
                except Ended:
                    fail("a base is too short")
                ends[number] = place + count
            made += count
        if at != len(code) or not code:
            fail("no instruction")
    to.flush()


def sketch(text):
    return {text[at:at + 8] for at in range(0, len(text), 8)}


def like(blobs, indexes):
    sketches = {}
    for name in sorted(os.listdir(indexes)) if os.path.isdir(indexes) else []:
        try:
            file = os.open(indexes + "/" + name, os.O_RDONLY | os.O_NOFOLLOW)
            line = os.read(file, 1024).split(b"\n")[0].decode("ascii", "replace").split(" ")
            os.close(file)
            if BLOB.match(name) and line[:3] == ["webpods-index", "1", name]:
                if os.stat(blobs + "/" + name).st_size == int(line[3]):
                    sketches[name] = sketch(line[4])
        except (OSError, ValueError, IndexError):
            continue
    for line in sys.stdin:
        words = line.rstrip("\n").split(" ")
        if len(words) != 2 or not BLOB.match(words[0]):
            break
        wanted, left = words[0], sketch(words[1])
        least = 1
        for _ in range(4):
            best, most = None, least - 1
            for name in sorted(sketches):
                shared = len(sketches[name] & left)
                if shared > most and name != wanted:
                    best, most = name, shared
            if best is None:
                break
            print("base %s %s" % (wanted, best))
            left -= sketches[best]
            least = 3


try:
    {"make": make, "like": like}[sys.argv[1]](*sys.argv[2:])
except OSError as error:
    fail(error.strerror)
