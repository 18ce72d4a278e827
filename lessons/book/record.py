#!/usr/bin/env python3
"""Makes the recordings: plays each lesson's tour in gdb, and keeps every line that the studied thread runs.

    lessons/book/record.py [NAME...]     NAME is a lesson, 03, or session; without one, all

build/recordings has the server for this: nothing optimised away, at fixed addresses, and with a pattern in
variables that were not set yet, so that a recording never shows what the stack held by chance. The bytes on
the wire are written down by the scripted client; what the server had received and sent at a step are two
numbers. Two runs give the same file, byte for byte.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "lessons/tools")]
import client  # noqa: E402
import recordings  # noqa: E402

LIMIT_S = 300            # for one recording
MOST_WIRE = 2000         # bytes of a connection that are kept in each direction
SESSION_LESSON = 12      # whose functions the whole session shows, and
SESSION_CLIENT = 10      # whose client it has
BUILD = ROOT / "build/recordings"


# ---- in the client's process: what crosses the wire ----


class Wire:
    """A socket that writes down what goes through it."""

    count = 0

    def __init__(self, socket):
        Wire.count += 1
        self.socket, self.number = socket, Wire.count

    def note(self, direction, data):
        with open(os.environ["RECORDING_WIRE"], "a", encoding="ascii") as file:
            file.write(f"{self.number} {direction} {data.hex()}\n")

    def sendall(self, data):
        self.note("in", data)
        self.socket.sendall(data)

    def recv(self, room):
        data = self.socket.recv(room)
        self.note("out", data)
        return data

    def close(self):
        self.socket.close()


class Connection(client.Connection):
    def __init__(self, server):
        super().__init__(server)
        self.socket = Wire(self.socket)


def play_client(lesson, file):
    client.Connection = Connection
    client.play_from_file(lesson, file)


# ---- one recording ----


class NotPlayed(Exception):
    """Why a tour did not come to its end."""


def lesson_of(name):
    return SESSION_LESSON if name == "session" else int(name)


def tour_of(name):
    return HERE / "session.gdb" if name == "session" else next((ROOT / "lessons").glob(f"{name}-*/tour.gdb"))


def recorded_functions(lesson):
    """The lesson's own, and those that a learner has written before."""
    every = recordings.functions()
    files = {f.file for f in every if f.is_written_by_learner}
    return [{"file": f.file, "name": f.name, "lesson": f.lesson} for f in every
            if f.file in files and (f.lesson == lesson or 0 < f.lesson < lesson and f.is_written_by_learner)]


def play(name, work):
    """Plays the tour; returns what the recorder has written, and what has crossed the wire."""
    lesson = lesson_of(name)
    environment = os.environ | {
        "RECORDING": f"{work}/steps", "RECORDING_WIRE": f"{work}/wire", "RECORDING_LESSON": str(lesson),
        "RECORDING_FUNCTIONS": json.dumps(recorded_functions(lesson)), "TOUR_CLIENT": f"{work}/port",
        "TOUR_TRANSCRIPT": f"{work}/transcript", "PATIENCE": str(LIMIT_S), "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8"}
    environment.pop("DEBUGINFOD_URLS", None)
    pathlib.Path(work, "wire").touch()
    player = subprocess.Popen([sys.executable, __file__, "--client",
                               str(SESSION_CLIENT if name == "session" else lesson), f"{work}/port"],
                              env=environment, stderr=subprocess.DEVNULL)
    try:
        done = subprocess.run(
            ["gdb", "-nx", "-batch", "-x", "lessons/tools/tour.py", "-x", "lessons/book/recorder.py",
             "-x", str(tour_of(name)), str(BUILD / "server")],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    finally:
        player.kill()
        player.wait()
    complaints = [line for line in done.stderr.splitlines() if "recorder:" in line]
    if complaints or not pathlib.Path(work, "transcript.whole").exists():
        raise NotPlayed(f"{name} was not recorded to its end:\n" + "\n".join(complaints[:5]) + done.stderr[-800:])
    lines = pathlib.Path(work, "steps").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines], read_wire(f"{work}/wire")


def read_wire(path):
    wire = {}
    for line in pathlib.Path(path).read_text(encoding="ascii").splitlines():
        number, direction, data = line.split(" ")
        both = wire.setdefault(number, {"in": "", "out": ""})
        both[direction] += data
    return wire


def steady_wire(wire):
    """Without the date, which differs in each run, and cut."""
    for both in wire.values():
        out = bytes.fromhex(both["out"])
        start = out.find(b"Date: ")
        if start >= 0:
            out = out[:start + 6] + b"Thu, 01 Jan 1970 00:00:00 GMT" + out[start + 35:]
        both.update({"in": both["in"][:2 * MOST_WIRE], "out": out.hex()[:2 * MOST_WIRE]})
    return wire


class Places:
    """Each line once, by its function and its number in it, with its text."""

    def __init__(self):
        self.first = {(f.file, f.name): f.first for f in recordings.functions()}
        self.numbers, self.rows = {}, []

    def number(self, file, function, line):
        key = (file, function, line)
        if key not in self.numbers:
            self.numbers[key] = len(self.rows)
            text = recordings.source(file)[line - 1]
            self.rows.append([file, function, line - self.first[file, function], text])
        return self.numbers[key]


def difference(before, now):
    return {key: now.get(key) for key in [*now, *(key for key in before if key not in now)]
            if before.get(key) != now.get(key)}


def condensed(name, entries, wire):
    """A recording as it is kept: each step has what differs from the step before."""
    places, steps, stops, threads, before, intro = Places(), [], [], {}, {}, []
    for entry in entries:
        if "said" in entry:
            (stops[-1]["said"] if stops else intro).append(entry["said"])
            continue
        if "stop" in entry:
            if steps:
                stops.append({"step": len(steps) - 1, "said": []})
            continue
        if entry["name"] != "a new thread":
            threads[entry["thread"]] = entry.pop("name")
        entry.pop("name", None)
        entry["at"], entry["under"] = places.number(*entry["at"]), [places.number(*row) for row in entry["under"]]
        step = difference(before, entry)
        if "variables" in step:
            step["variables"] = difference(before.get("variables", {}), entry["variables"])
        if step:
            steps.append(step)
        before = entry
    return {"name": name, "threads": threads, "wire": steady_wire(wire), "places": places.rows,
            "intro": intro, "stops": stops, "steps": steps}


def save(recording):
    """One step a line, so that a change is seen as one."""
    def row(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    parts = []
    for key, value in recording.items():
        if key in ("places", "stops", "steps"):
            value = "[\n" + ",\n".join(map(row, value)) + "\n]"
        else:
            value = row(value)
        parts.append(f"{row(key)}:{value}")
    recordings.FOLDER.mkdir(exist_ok=True)
    path = recordings.FOLDER / f"{recording['name']}.json"
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(recording['steps'])} steps, {len(recording['stops'])} stops, "
          f"{path.stat().st_size // 1024} KiB", flush=True)


def build():
    subprocess.run(["make", "-s", "--no-print-directory", "BUILD=build/recordings", "SERVER=build/recordings/server",
                    "CFLAGS=-O0 -g3 -ftrivial-auto-var-init=pattern", "HARDENING=", "LINK_HARDENING=-no-pie"],
                   cwd=ROOT, check=True)


def main():
    if sys.argv[1:2] == ["--client"]:
        return play_client(*sys.argv[2:])
    tours = sorted(path.parent.name[:2] for path in (ROOT / "lessons").glob("*/tour.gdb"))
    build()
    failed = 0
    for name in [name.zfill(2) for name in sys.argv[1:]] or [*tours, "session"]:
        work = tempfile.mkdtemp(prefix="recording-")
        try:
            save(condensed(name, *play(name, work)))
        except NotPlayed as problem:
            print(f"record: {problem}", file=sys.stderr)
            failed += 1
        finally:
            shutil.rmtree(work)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
