#!/usr/bin/env python3
"""Starts gdb with a lesson's tour.

    LESSON=9 lessons/tools/debug.py                    you look, and connect with a browser
    LESSON=9 CLIENT=1 lessons/tools/debug.py           a scripted client connects instead
    LESSON=9 TRANSCRIPT=FILE lessons/tools/debug.py    nobody looks: the tour plays itself into FILE,
                                                       in at most $TOUR_SECONDS (60)

It looks at your own functions if workshop/ has those of the lesson, and what you have not written yet is the
finished code's. WORKSHOP= (empty) looks at the finished code.
"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import build
import functions
import learner
from course import LAST_TO_WRITE, ROOT

BUILD = os.path.abspath(os.path.join(ROOT, "build/tours"))
GDB = ["gdb", "-q", "-nx", "-x", "lessons/tools/tour.py", "-x"]
TRANSCRIPT = os.environ.get("TRANSCRIPT", "")
# A debugger may be forbidden to trace: in containers, or by Linux's "yama".
FORBIDDEN = """gdb is not allowed to trace a program here.
In a container: start it with --cap-add=SYS_PTRACE --security-opt seccomp=unconfined.
Else, as root: sysctl kernel.yama.ptrace_scope=1. "make doctor" says more."""


def fail(words):
    sys.exit(f"debug: {words}")


def said_by(*command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def may_trace():
    return subprocess.run(["sh", "lessons/tools/may-trace.sh"], check=False).returncode == 0


def server_of(lesson):
    """Builds what is looked at: the learner's functions, if those of the lesson are written. Returns the program."""
    is_there = learner.FOLDER and os.path.exists(f"{learner.FOLDER}/server.c")
    if is_there and not learner.unwritten(lesson):
        print(f"Your functions, from {learner.FOLDER}/; what you have not written yet is the finished code's.",
              flush=True)
        made = os.path.abspath(f"{learner.MADE}/tour")
        learner.make_folder(made)
        functions.rest(learner.FOLDER, f"{made}/source")
        built, said = build.program(f"{made}/source", f"{made}/server")
        sys.stderr.write(said)
        if not built:
            fail(f"this must be mended first. The finished code: make debug LESSON={lesson.number} WORKSHOP=")
        return f"{made}/server"
    if is_there:
        print(f"Lesson {lesson.number} is not written in {learner.FOLDER}/ yet: this is the finished code.", flush=True)
    if not learner.make("debug-build"):
        sys.exit(1)
    return os.path.abspath("build/debug/server")


def client_of(lesson, work, **options):
    """The scripted client, in a session of its own: Ctrl-C is gdb's."""
    return subprocess.Popen([sys.executable, "lessons/tools/client.py", str(lesson.number), "--file", f"{work}/port"],
                            start_new_session=True, **options)


def look(lesson, tour, server, work):
    """Somebody looks."""
    if not may_trace():
        fail(FORBIDDEN)
    signal.signal(signal.SIGINT, lambda *_: None)       # Ctrl-C is gdb's
    client = client_of(lesson, work) if os.environ.get("CLIENT") else None
    try:
        gdb = [word for word in GDB if word != "-nx"]   # a person's own settings count
        return subprocess.run([*gdb, tour, server], check=False).returncode
    finally:
        if client:
            client.terminate()


def ended_in(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def play(lesson, tour, server, work):
    """Nobody looks. Returns the exit status."""
    limit = int(os.environ.get("TOUR_SECONDS") or 60)
    kinds = {kind: f"{TRANSCRIPT}.{kind}" for kind in ("whole", "waits", "server", "client", "gdb")}
    for path in [TRANSCRIPT, *kinds.values()]:
        if os.path.exists(path):
            os.remove(path)
    os.environ.update(TOUR_TRANSCRIPT=TRANSCRIPT, WAIT_S=str(limit))
    with open(kinds["client"], "wb") as to_client, open(kinds["gdb"], "wb") as to_gdb:
        client = client_of(lesson, work, stdout=to_client, stderr=to_client)
        gdb = subprocess.Popen([*GDB, tour, "-batch", server], stdin=subprocess.DEVNULL, stdout=to_gdb, stderr=to_gdb)
        try:
            ended_in(gdb, limit)
        finally:
            gdb.kill()
            client.terminate()
    if not os.path.exists(kinds["whole"]):
        tell_how_far(lesson, limit, kinds)
        return 1
    for path in kinds.values():
        if os.path.exists(path):
            os.remove(path)
    return 0


def tell_how_far(lesson, limit, kinds):
    """That it was not played to its end, and what there is to say of that."""
    def last_lines(path, pattern="", most=5):
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line for line in file.read().splitlines() if re.search(pattern, line, re.I)][-most:]
    came_to, waits = last_lines(TRANSCRIPT), last_lines(kinds["waits"])
    print(f"debug: the tour of lesson {lesson.number} was not played to its end (in at most {limit} s).",
          *(["It came to:", *came_to] if came_to else []),
          *([f"Stops that were not reached: {' '.join(waits)}."] if waits else []),
          *last_lines(kinds["gdb"], "error|not defined|cannot"), *last_lines(kinds["client"], most=50),
          *([] if may_trace() else [f"debug: {FORBIDDEN}"]), sep="\n", file=sys.stderr)


def main():
    lesson = learner.lesson_of(os.environ.get("LESSON", ""))
    if lesson.number > LAST_TO_WRITE:
        print(f"Lesson {lesson.number} writes no code, so there is no tour: its README says what to do.")
        return 0
    tour = f"lessons/{lesson.folder}/tour.gdb"
    if not os.path.exists(tour):
        fail(f"lesson {lesson.number} has no tour: {tour} is missing")
    if "42" not in said_by("gdb", "-nx", "-batch", "-ex", "python print(6 * 7)"):
        fail("gdb with Python in it is needed, as Debian's and Ubuntu's gdb has it: apt-get install gdb")
    learner.make_folder(BUILD)
    server = server_of(lesson)
    os.environ.pop("DEBUGINFOD_URLS", None)     # gdb would ask whether it may fetch the C library's source
    os.environ["SHELL"] = "/bin/sh"
    work = tempfile.mkdtemp(prefix="client.", dir=BUILD)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        if TRANSCRIPT or os.environ.get("CLIENT"):
            os.environ["TOUR_CLIENT"] = f"{work}/port"
        return (play if TRANSCRIPT else look)(lesson, tour, server, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    for name in ("PYTHONHOME", "PYTHONPATH", "LANGUAGE"):
        os.environ.pop(name, None)      # Python inside gdb finds what it always finds
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.exit(main())
