#!/usr/bin/env python3
"""challenge.py - tries, from outside, what a learner has made of a challenge

    lessons/tools/challenge.py NAME      make check CHALLENGE=NAME

The tests are in lessons/challenges/NAME/check.py: TESTS, in the order in which a learner gets there. Each is
a function that gets a Bench, raises Trouble, with a sentence for the learner, if something is not so, and
begins with a line that says what is to be so. The first one that fails ends the check.
"""
import contextlib
import functools
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap

os.environ.setdefault("WAIT_S", "10")     # seconds, for every wait: client.py has it from here

import build  # noqa: E402
import client  # noqa: E402
import learner  # noqa: E402
from client import Trouble  # noqa: E402
from course import CHALLENGES, LESSONS  # noqa: E402
from learner import BOLD, GREEN, MADE, PLAIN, RED  # noqa: E402
from sanitized import BUILDS, is_there  # noqa: E402

WIDEST = 100
REPORTED = 20   # lines of a report of the thread sanitizer
# What it reports is read, so its exit status is that of the program; a thread may still run at the end of one.
ENVIRONMENT = {**os.environ, "TSAN_OPTIONS": "exitcode=0 report_thread_leaks=0"}
NEEDED = 14     # a challenge is built on the server of lessons 1 to 14


@contextlib.contextmanager
def expecting(what):
    """Around a wait: what is said if it was in vain."""
    try:
        yield
    except TimeoutError as error:
        raise Trouble(f"waited {client.WAIT_S:.0f} s in vain for {what}") from error
    except ConnectionError as error:
        raise Trouble(f"the connection broke ({error.strerror}); expected {what}") from error


class Program:
    """A program of the learner's that runs. What it says on stderr is kept."""

    def __init__(self, words, **streams):
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen(words, stderr=self.said, bufsize=0, env=ENVIRONMENT, **streams)

    def errors(self):
        return os.pread(self.said.fileno(), 1 << 16, 0).decode(errors="replace").strip()

    def crash(self):
        """What is to be said if it has ended by a signal."""
        status = self.process.poll() or 0
        return f"\n{self.process.args[-1]} has crashed (signal {-status}).\n{self.errors()}" if status < 0 else ""

    def kill(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.said):
            if stream:
                stream.close()


class Server(Program, client.Server):
    """A server that runs, on a port of its own choice."""

    def __init__(self, words):
        Program.__init__(self, [*words, "--port", "0"], stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        found = re.search(r":(\d+)/", line)
        if not found:
            raise Trouble(f"the server does not start: {line}{self.errors()}")
        client.Server.__init__(self, int(found[1]), self.process.pid)

    def threads(self):
        return len(client.thread_states(self.pid))

    def wait_for_end(self):
        """Waits until the server, which was told to stop, has ended."""
        try:
            status = self.process.wait(client.WAIT_S)
        except subprocess.TimeoutExpired:
            raise Trouble(f"the server was told to stop, and still runs after {client.WAIT_S:.0f} s") from None
        if status != 0:
            raise Trouble("the server was told to stop; it has ended with status "
                          f"{status}, not 0, because some thread did not end\n{self.errors()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)


class Bench:
    """What a test gets: the learner's programs. What it starts here is ended after the test."""

    def __init__(self, races):
        self.races = races      # whether they are built to notice data races
        self.ends = contextlib.ExitStack()
        self.programs = []

    def built(self, name):
        """Builds a program of the learner's: NAME.c with the server's parts. Returns what starts it."""
        program = f"{MADE}/{name}" + ("-races" if self.races else "")
        if name != "server" or self.races:      # the other one is there
            build_program(name, program, (BUILDS["tsan"], "-O1") if self.races else ())
        return [*(["setarch", "-R"] if self.races else []), program]

    def start(self, program):
        self.ends.callback(program.kill)
        self.programs.append(program)
        return program

    def server(self):
        """The learner's server, running."""
        return self.start(Server(self.built("server")))

    def data_race(self):
        """The first report of a data race, or ''."""
        said = "\n".join(program.errors() for program in self.programs)
        report = re.search(r"^WARNING: ThreadSanitizer: data race.*?(?:\nSUMMARY|\Z)", said, re.M | re.S)
        return "two threads use the same memory without a lock (data race):\n" + "\n".join(
            report[0].splitlines()[1:REPORTED]) if report else ""


@functools.cache
def build_program(name, program, flags):
    path = os.path.join(learner.FOLDER, f"{name}.c")
    if not os.path.exists(path):
        raise Trouble(f"there is no {path} yet. Begin with its main, and a connection")
    built, said = build.program(learner.FOLDER, program, main=f"{name}.c", more=flags)
    if not built:
        raise Trouble("it does not compile:\n" + said)


def run(test, races=False):
    """Runs one test. Returns the learner's sentence, or '' if all is well."""
    bench, said = Bench(races), ""
    with bench.ends:
        try:
            with expecting("something to come"):
                test(bench)
        except Trouble as trouble:
            said = f"{trouble}{''.join(program.crash() for program in bench.programs)}"
        said = bench.data_race() or said
    return said


def tests_of(challenge):
    """The module lessons/challenges/NAME/check.py. Its name is not NAME: there is a client.py already."""
    path = f"lessons/challenges/{challenge.name}/check.py"
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("check", path))
    module.__loader__.exec_module(module)
    return module.TESTS


def wrapped(text):
    """Sentences of ours are one line; what a compiler or a server has said is short enough."""
    return "\n".join(textwrap.fill(line, WIDEST) if len(line) > WIDEST else line for line in text.split("\n"))


def tell_unwritten():
    first = learner.first_unwritten()
    if first <= NEEDED:
        print(f"Lesson {first} ({LESSONS[first - 1].name}) is not written yet; a challenge needs lessons 1 to "
              f"{NEEDED}.\n")


def passes(challenge, tests, races=False):
    """Runs the tests up to the first one that fails. Only that one is named the second time, for data races."""
    for test in tests:
        what, trouble = test.__doc__.splitlines()[0], run(test, races)
        if trouble or not races:
            print(f"  {f'{RED}FAILED{PLAIN}' if trouble else f'{GREEN}ok{PLAIN}    '} {what}", flush=True)
        if trouble:
            print(f"\n{wrapped(trouble[0].upper() + trouble[1:])}\n\n{RED}Not yet.{PLAIN}\n"
                  f"    read    {challenge.text}")
            return False
    return True


def has_no_races(challenge, tests):
    if challenge.place == "client" or not is_there("tsan"):
        return True     # nothing of it is in C, or the compiler comes without the thread sanitizer
    print("\nOnce more, looking for data races; this takes longer ...", flush=True)
    return passes(challenge, tests, True)


def check(challenge):
    """Returns main's exit status."""
    print(f"{BOLD}Make it yours: {challenge.title}{PLAIN}")
    learner.need_folder()
    if not learner.build_server():
        return 1
    tell_unwritten()
    tests = tests_of(challenge)
    if not passes(challenge, tests) or not has_no_races(challenge, tests):
        return 1
    print(f"\n{GREEN}It works.{PLAIN} Compare it with an answer: {challenge.answer}")
    return 0


def main(name):
    sys.stdout.reconfigure(line_buffering=True)
    found = [challenge for challenge in CHALLENGES if challenge.name == name]
    if not found:
        print(f'There is no challenge "{name}": CHALLENGE is '
              f"{', '.join(challenge.name for challenge in CHALLENGES[:-1])} or {CHALLENGES[-1].name}.",
              file=sys.stderr)
        return 2
    return check(found[0])


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    sys.dont_write_bytecode = True      # no __pycache__ beside a check
    sys.exit(main(*sys.argv[1:]))
