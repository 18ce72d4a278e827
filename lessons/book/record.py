#!/usr/bin/env python3
"""Makes the recordings: plays each lesson's tour in gdb, and keeps every line that the studied thread runs.

    lessons/book/record.py [NAME...]            NAME is a lesson, 03, or session; without one, all
    lessons/book/record.py --check [NAME...]    compares them with those that are kept

build/recordings has the server for this: nothing optimised away, at fixed addresses, and with a pattern in
variables that were not set yet, so that a recording never shows what the stack held by chance. Its threads
take turns (turns.c). The bytes on the wire are written down by the scripted client; what the server had
received and sent at a step are two numbers. Two runs give the same file, byte for byte. Another compiler or
debugger may divide a line in another way, so --check leaves out what was made with another version.
"""
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "lessons/tools")]
import client  # noqa: E402
import recordings  # noqa: E402

LIMIT_S = 300           # for one recording; the longest takes a minute on a busy machine
MOST_WIRE = 2000         # bytes of a connection that are kept in each direction
SESSION_LESSON = 12      # whose functions the whole session shows, and
SESSION_CLIENT = 10      # whose client it has
SIDE_BY_SIDE = (os.cpu_count() or 1) + 1  # recordings: each waits for its client now and then
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
        "TOUR_TRANSCRIPT": f"{work}/transcript", "WAIT_S": str(LIMIT_S), "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8"}
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
    if not pathlib.Path(work, "transcript.whole").exists():
        raise NotPlayed(f"{name} was not recorded to its end:\n{done.stderr[-800:]}")
    entries = [json.loads(line) for line in pathlib.Path(work, "steps").read_text(encoding="utf-8").splitlines()]
    problems = [entry["problem"] for entry in entries if "problem" in entry]
    if problems:
        raise NotPlayed(f"{name}: {len(problems)} steps could not be recorded, the first because of {problems[0]}")
    return entries, read_wire(f"{work}/wire")


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
        if "asked" in entry:
            stops[-1]["asked"] = entry["asked"]
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
    return {"name": name, "made_with": versions(), "threads": threads, "wire": steady_wire(wire), "places": places.rows,
            "intro": intro, "stops": stops, "steps": steps}


@functools.cache
def versions():
    """Of the compiler and the debugger: a line is divided as they do it."""
    told = []
    for program in ("gcc", "gdb"):
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        told.append(program + " " + re.search(r"(\d+)\.\S*$", text.splitlines()[0])[1])
    return ", ".join(told)


def text_of(recording):
    """As it is kept: one step a line, so that a change is seen as one."""
    def row(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    parts = []
    for key, value in recording.items():
        if key in ("places", "stops", "steps"):
            value = "[\n" + ",\n".join(map(row, value)) + "\n]"
        else:
            value = row(value)
        parts.append(f"{row(key)}:{value}")
    return "{" + ",\n".join(parts) + "}\n"


def made(name):
    with tempfile.TemporaryDirectory(prefix="recording-") as work:
        return text_of(condensed(name, *play(name, work)))


def save(name, text):
    recordings.FOLDER.mkdir(exist_ok=True)
    path = recordings.FOLDER / f"{name}.json"
    path.write_text(text, encoding="utf-8")
    recording = json.loads(text)
    print(f"{path.relative_to(ROOT)}: {len(recording['steps'])} steps, {len(recording['stops'])} stops, "
          f"{len(text.encode()) // 1024} KiB", flush=True)


def compare(name, text):
    """Fails if the recording is not the one that is kept, and says where they part."""
    kept, now = recordings.states(recordings.load(name)), recordings.states(json.loads(text))
    if (recordings.FOLDER / f"{name}.json").read_text(encoding="utf-8") == text:
        return
    at = next((i for i, both in enumerate(zip(kept, now)) if both[0] != both[1]), min(len(kept), len(now)))
    sides = [states[at] if at < len(states) else {} for states in (kept, now)]
    key = next((key for key in sides[0] | sides[1] if sides[0].get(key) != sides[1].get(key)), None)
    where = f"step {at}, in {sides[1].get('at') or sides[0].get('at')}: {key} was {sides[0].get(key)!r:.160}, " \
            f"is {sides[1].get(key)!r:.160}" if key else "what the tour says, or what crossed the wire"
    raise NotPlayed(f"{name} is not what is kept. They differ at {where}\n"
                    f"If it is right as it is now: {recordings.command([name])}")


# The calls at which turns.c has threads take turns, or counts.
TURNS = ("pthread_create", "pthread_join", "pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_signal",
         "pthread_cond_broadcast", "recv", "send", "accept4")


def build():
    subprocess.run(["make", "-s", "--no-print-directory", "BUILD=build/recordings", "SERVER=build/recordings/server",
                    "CFLAGS=-O0 -g3 -ftrivial-auto-var-init=pattern", "HARDENING=",
                    "LINK_HARDENING=-no-pie " + " ".join(f"-Wl,--wrap={call}" for call in TURNS)],
                   cwd=ROOT, check=True)


def main():
    if sys.argv[1:2] == ["--client"]:
        return play_client(*sys.argv[2:])
    check = sys.argv[1:2] == ["--check"]
    names = [name if name == "session" else name.zfill(2) for name in sys.argv[1 + check:]] or every_name()
    changed = recordings.changed_lines() if check else []
    if changed:  # the others need not be played to know that these are wrong
        print("\n".join(changed), file=sys.stderr)
        return 1
    if check:
        names = [name for name in names if is_of_these_versions(name)]
    build()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored, and lesson 14's server would find that
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for name, played in [(name, pool.submit(made, name)) for name in reversed(names)]:  # the longest first
            try:
                (compare if check else save)(name, played.result())
            except (NotPlayed, subprocess.TimeoutExpired) as problem:
                print(f"record: {problem}", file=sys.stderr)
                failed += 1
    if check and not failed:
        print(f"{len(names)} passed: made anew, the recordings are the same")
    return 1 if failed else 0


def is_of_these_versions(name):
    made_with = recordings.load(name)["made_with"]
    if made_with != versions():
        print(f"{name} left out: it was made with {made_with}, and this is {versions()}")
    return made_with == versions()


def every_name():
    return [*sorted(path.parent.name[:2] for path in (ROOT / "lessons").glob("*/tour.gdb")), "session"]


if __name__ == "__main__":
    sys.exit(main())
