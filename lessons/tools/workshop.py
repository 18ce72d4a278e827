#!/usr/bin/env python3
"""The commands for who writes the server lesson by lesson; make runs them.

    workshop.py begin [LESSON]     make workshop: writes workshop/ at the beginning of a lesson
    workshop.py check LESSON       make check LESSON=7: builds the learner's code, runs the lesson's suite
    workshop.py path               make lesson: done, next, not yet
    workshop.py solution LESSON    make solution LESSON=7: the finished functions, when the check passes
    workshop.py watch              make watch: checks whenever a file in workshop/ changes

$FOREIGN is the command of another program to check, started by sh with $PORT set. learner.py says which
folder is meant.
"""
import concurrent.futures
import filecmp
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import build
import learner
import sanitized
from course import LAST_TO_WRITE, LESSONS
from functions import shown, stage
from learner import (BOLD, FOLDER, GREEN, MADE, ON_TERMINAL, PLAIN, RED, first_unwritten, lesson_of, place,
                     unwritten)

FOREIGN = os.environ.get("FOREIGN", "")


def tell_next(number):
    """What to do in a lesson: the text, the function, the check."""
    if number > LAST_TO_WRITE:
        print("All lessons that have something to write are written.")
        for lesson in LESSONS[LAST_TO_WRITE:LAST_TO_WRITE + 1]:
            print(f"    read    {lesson.text}")
        return
    lesson = LESSONS[number - 1]
    print(f"{BOLD}Lesson {number}: {lesson.name}{PLAIN}\n    read    {lesson.text}")
    for function in unwritten(lesson)[:1]:
        print(f"    write   {function.name}, in {place(function).split()[0]}")
    print(f"    check   make check LESSON={number}")


# ---- check ----

class Check:
    """One run of a lesson's suite, against the learner's code, the finished one, or another program."""

    def __init__(self, lesson):
        self.lesson, self.number = lesson, lesson.number
        self.is_learners = bool(FOLDER) and not FOREIGN
        self.first = first_unwritten() if FOLDER else LAST_TO_WRITE + 1
        self.code = learner.fingerprint() if FOLDER else ""     # it may be changed while it is checked
        self.environment = {**os.environ, "LEARN": "1", "WORKSHOP": FOLDER, "LESSON": str(self.number if os.environ.get("ALONE") else self.written_up_to()),
                            "FAIL_FAST": os.environ.get("FAIL_FAST", "4")}
        self.damaged = self.environment["MALLOC_DAMAGED"] = os.path.abspath(f"{MADE}/{self.number}.damaged")

    def written_up_to(self):
        """The lesson up to which the program is written, which decides what can be asked of it. Another
        program is taken for a finished one."""
        if not self.is_learners:
            return LAST_TO_WRITE
        return self.number if self.first <= self.number else self.first - 1

    def prepare_server(self):
        """Says what is checked, and builds it."""
        if FOREIGN:
            print(f"Checking another program: {FOREIGN}")
            self.environment.pop("SERVER", None)
            return True
        if FOLDER:
            print(f"Checking your code, in {FOLDER}/")
            self.environment["SERVER"] = f"{MADE}/server"
            return learner.build_server()
        print("Checking the finished code" + ("" if "WORKSHOP" in os.environ else
                                              ", because there is no workshop/ yet (make workshop)"))
        self.environment["SERVER"] = "./server"
        return learner.make("server")

    def prepare_suite(self, suite):
        """Builds it: with the learner's code if it calls some of that. Returns the program, or None."""
        if not self.is_learners or not includes_code(suite):
            program = f"build/release/tests/suites/{suite}"
            return program if learner.make(program) else None
        if not learner.make("build/release/tests/harness.a"):
            return None
        if learner.compile_learners(suite, suite):      # warnings were shown with the server
            return f"{MADE}/{suite}"
        learner.tell_failed_build(suite)
        return None

    def tell_unwritten(self):
        """What is not written yet: a failure is no surprise then."""
        missing = unwritten(self.lesson)
        if self.first < self.number:
            print(f"\nLesson {self.first} comes first. Not written yet:")
            tell_places(unwritten(LESSONS[self.first - 1]))
        if missing and len(missing) == len(self.lesson.functions()):
            print(f"\nNothing of lesson {self.number} is written yet, so red is expected. Step 1 is")
            tell_places(missing[:1])
        elif missing:
            print("\nNot written yet:")
            tell_places(missing)

    def earlier_pass(self):
        """Runs the tests of this lesson that stand in suites of earlier ones, now that its own suite has passed;
        only one that fails is shown."""
        if not self.is_learners or self.first <= self.number:
            return True
        ours = re.compile(rf'\{{"[^{{}}]*",\s*\w*,\s*{self.number},[^{{}}]*\}}')
        for suite in [lesson.suite for lesson in LESSONS[:self.number - 1]]:
            if not suite or not ours.search(source_of(suite)):
                continue
            program = self.prepare_suite(suite)
            if program is None:
                return False
            done = subprocess.run([program], env={**self.environment, "PASSED_LESSON": str(self.number)}, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                print("\nIts tests in an earlier lesson:\n\n" + done.stdout.decode(errors="replace"), end="")
                return False
        return True

    def passes_once_more(self):
        """The same check in builds that see more. Not where all lessons are checked anyway ($ALONE)."""
        if not self.is_learners or os.environ.get("ALONE"):
            return True
        return sanitized.passes(self.lesson, includes_code(self.lesson.suite), self.environment)

    def tell_passed(self):
        print(f"\n{GREEN}Lesson {self.number} passes.{PLAIN}")
        if not self.is_learners:
            return
        learner.keep(f"{self.number}.passed", self.code)
        learner.keep(f"{self.number}.functions", learner.functions_print(self.number))
        if self.first <= self.number:
            return
        print(f"    compare with the finished code: make solution LESSON={self.number}")
        for lesson in self.not_passed_before()[:1]:
            print(f"    lesson {lesson.number} has not passed with its functions as they are: "
                  f"make check LESSON={lesson.number}")
        # What is next: the lesson after this one, if that is what is to be written. Another one is named.
        if self.first == self.number + 1 and self.first <= LAST_TO_WRITE:
            print("\nNext: ", end="")
            tell_next(self.first)
        elif self.first > LAST_TO_WRITE:
            print("\nNothing is left to write: make lesson says which of the other lessons pass.")
        else:
            print(f"\nAll before lesson {self.first} is written: make lesson says which lessons pass.\n"
                  "To be written: ", end="")
            tell_next(self.first)

    def not_passed_before(self):
        """The earlier lessons whose functions are neither as they were when they passed, nor as the finished ones."""
        return [lesson for lesson in LESSONS[:min(self.number, self.first) - 1]
                if learner.functions_print(lesson.number) not in (learner.content(f"{lesson.number}.functions"),
                                                                  learner.functions_print(lesson.number, "."))]

    def tell_earlier(self):
        """A red may come from an older function: names the first earlier lesson whose check fails as well."""
        if not self.is_learners or os.environ.get("ALONE"):
            return
        due = self.not_passed_before()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            passed = list(pool.map(check_quietly, due))
        for lesson, passes in zip(due, passed):
            if not passes and not check_quietly(lesson):
                print(f"\n{BOLD}Lesson {lesson.number}'s check fails as well, so begin there:{PLAIN} "
                      f"make check LESSON={lesson.number}")
                return

    def tell_failed(self, status):
        ended = f" The check was ended by signal {-status}." if status < 0 else ""
        print(f"\n{RED}Lesson {self.number} does not pass yet.{PLAIN}{ended}\n    read    {self.lesson.text}")


def tell_places(functions):
    for function in functions:
        print(f"    {place(function)}")


def source_of(suite):
    with open(f"tests/suites/{suite}.c", encoding="utf-8") as file:
        return file.read()


def includes_code(suite):
    """Whether a suite is built with the learner's code: it includes one of its headers."""
    return any(f'#include "{header}"' in source_of(suite).splitlines() for header in glob.glob("*.h"))


def check(lesson):
    """Checks a lesson. Returns main's exit status."""
    print(f"{BOLD}Lesson {lesson.number}: {lesson.name}{PLAIN}")
    if not lesson.has_something_to_write or lesson.suite is None:
        print("There is no check: there is nothing to write in this lesson.")
        return 0
    if FOREIGN and lesson.check == "calls":
        calling = [str(other.number) for other in LESSONS if other.check == "calls"]
        print("This check cannot test another program: it calls the lesson's functions, because nothing on\n"
              f"the wire shows them yet. Those of the other lessons (all but {', '.join(calling[:-1])} and "
              f"{calling[-1]}) can.")
        return 2
    run = Check(lesson)
    program = run.prepare_server() and run.prepare_suite(lesson.suite)
    if not program:
        return 1
    if run.is_learners:
        run.tell_unwritten()
    print(flush=True)
    if os.path.exists(run.damaged):
        os.remove(run.damaged)
    status = subprocess.run([program], env=run.environment, stderr=subprocess.STDOUT, check=False).returncode
    # Where malloc has crashed, the mistake is elsewhere: the address sanitizer names the place.
    sound = run.passes_once_more() if status == 0 or os.path.exists(run.damaged) else None
    if status == 0 and sound and run.earlier_pass():
        run.tell_passed()
        return 0
    run.tell_failed(status)
    run.tell_earlier()
    return 1


# ---- the path ----

def passed_before(lesson):
    """Whether the lesson's check has passed on the very code that is there now."""
    return learner.content(f"{lesson.number}.passed") == learner.fingerprint()


def check_quietly(lesson):
    """Runs a lesson's check, and keeps what it says. Returns whether it passes."""
    with open(f"{MADE}/{lesson.number}.log", "wb") as log:
        return subprocess.run([sys.executable, __file__, "check", str(lesson.number)], stdout=log, check=False,
                              stderr=subprocess.STDOUT, env={**os.environ, "ALONE": "1"}).returncode == 0


def find_place():
    """Checks all lessons up to the learner's, several at a time. Returns the number of the first one that has
    an unwritten function or whose check fails; one more than the last to write if all is done; None if the
    code does not compile. What fails is checked once more alone: a slow machine is no mistake."""
    if not learner.build_server():
        return None
    written = LESSONS[:first_unwritten() - 1]
    due = [lesson for lesson in reversed(written) if not passed_before(lesson)]
    if due:
        print("Checking what is written ...")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(check_quietly, due))
    for lesson in written:
        if not passed_before(lesson) and not check_quietly(lesson):
            return lesson.number
    return first_unwritten()


def tell_functions(lesson):
    found = learner.learners()
    for ours in lesson.functions():
        function = found.get(ours.name)
        if function is None:
            print(f"      {ours.name:<22} not there any more")
            continue
        colour, words = (RED, "not written yet") if function.todo else (GREEN, "written")
        where = place(function).split("  ")[0]
        print(f"      {ours.name:<22} {colour}{words}{PLAIN}{'':{17 - len(words)}}{where}")


def path():
    learner.need_folder()
    at = find_place()
    if at is None:
        return 1
    for lesson in LESSONS:
        colour, words = "", "not yet"
        if lesson.number < at:
            colour, words = GREEN, "done"
        elif not lesson.has_something_to_write:
            words = "nothing to write"
        elif lesson.number == at:
            colour, words = BOLD, "next"
        print(f"{lesson.number:2}  {colour}{lesson.name:<45}{PLAIN} {words}")
        if words == "next":
            tell_functions(lesson)
    print()
    if at <= LAST_TO_WRITE and not unwritten(LESSONS[at - 1]):
        print(f"All functions of lesson {at} are written, but its check does not pass yet.")
    tell_next(at)
    return 0


def solution(lesson):
    number = lesson.number
    if not lesson.has_something_to_write:
        print(f"There is nothing to write in lesson {number}.")
        return 0
    if not os.environ.get("FORCE"):
        learner.need_folder()
        learner.make_folder(MADE)
        if not passed_before(lesson) and not check_quietly(lesson):
            print(f"Lesson {number} does not pass yet: make check LESSON={number} says why.\n"
                  f"Its solution is shown when it does, or with FORCE=1:  make solution LESSON={number} FORCE=1")
            return 1
    file = ""
    for function in lesson.functions():
        if function.file != file:
            print(f"{BOLD}/* ---- {function.file} ---- */{PLAIN}\n")
        file = function.file
        print("\n".join(shown(function)) + "\n")
    return 0


# ---- watch ----

class Watch:
    """Looks at the files' contents twice a second: that works in folders that are shared with another machine
    too, where nobody reports a change and clocks differ."""

    def __init__(self):
        self.checked = None

    def begin(self):
        """A clean screen, if there is one, and the contents that will be checked."""
        self.checked = learner.fingerprint()
        print(("\033[H\033[2J\033[3J" if ON_TERMINAL else "") + time.strftime("%H:%M:%S"))

    def wait_for_change(self):
        """Waits until the contents are others than those that were checked, and stay so for a moment: an
        editor may write a file in several steps."""
        print(f"\nWatching {FOLDER}/: the next check runs when a file changes. Ctrl-C ends this.")
        while learner.fingerprint() == self.checked:
            time.sleep(0.5)
        settled = None
        while settled != learner.fingerprint():
            settled = learner.fingerprint()
            time.sleep(0.1)
        self.begin()

    def run(self):
        learner.need_folder()
        self.begin()
        while (at := find_place()) is None:
            self.wait_for_change()
        if at > 1:
            print(f"{GREEN}What was written before lesson {at} passes.{PLAIN}")
        while at <= LAST_TO_WRITE:
            while check(LESSONS[at - 1]) == 0:      # lessons, as long as they pass and the next one is written
                at += 1
                if at > LAST_TO_WRITE:
                    return 0
                if unwritten(LESSONS[at - 1]):
                    break
                print()
            self.wait_for_change()
            at = min(at, first_unwritten())         # the folder was written anew, say
        tell_next(at)
        return 0


def stop_watching(*_):
    print("\nNo longer watching.", flush=True)
    os._exit(0)


def watch():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_watching)
    return Watch().run()


# ---- workshop ----

def differs(first, second):
    return not os.path.exists(second) or not filecmp.cmp(first, second, shallow=False)


def keep(folder, changed):
    """Copies all files into a dated folder in workshop/kept, because some would be overwritten."""
    base = kept = f"{folder}/kept/{time.strftime('%Y-%m-%d-%H.%M.%S')}"
    count = 2
    while os.path.exists(kept):
        kept, count = f"{base}-{count}", count + 1
    try:
        os.makedirs(kept)
        for path_of_file in glob.glob(f"{glob.escape(folder)}/*"):
            if os.path.isfile(path_of_file):
                shutil.copy2(path_of_file, kept)
    except OSError as error:
        sys.exit(f"Your files cannot be kept in {kept}, so nothing was overwritten: {error.strerror}.")
    print(f"You have changed {' and '.join(', '.join(changed).rsplit(', ', 1))}.\n"
          f"All files as they were are kept in {kept}/.\n"
          f"To have them back:  cp {kept}/* {folder}/\n")


def write_stage(folder, lesson):
    """No change of the learner's is lost. What was written there is kept in workshop/.written, so that a
    changed file is known. Further files of the learner's stay where they are."""
    new, written = f"{folder}/.new", f"{folder}/.written"
    learner.make_folder(folder)
    shutil.rmtree(new, ignore_errors=True)
    stage(lesson.number, new)
    names = sorted(os.listdir(new))
    changed = [name for name in names if os.path.exists(f"{folder}/{name}")
               and differs(f"{folder}/{name}", f"{new}/{name}") and differs(f"{folder}/{name}", f"{written}/{name}")]
    if changed:
        keep(folder, changed)
    for name in names:
        if differs(f"{new}/{name}", f"{folder}/{name}"):
            shutil.copy(f"{new}/{name}", folder)
    shutil.rmtree(written, ignore_errors=True)
    os.rename(new, written)


def begin(word):
    folder = os.environ.get("WORKSHOP") or "workshop"
    if word:
        lesson = lesson_of(word)
        write_stage(folder, lesson)
        print(f"{folder}/ is at the beginning of lesson {lesson.number} now.\n")
    elif not os.path.isfile(f"{folder}/server.c"):
        lesson = LESSONS[0]
        write_stage(folder, lesson)
        print(f"{folder}/ is made, at the beginning of lesson 1.\n")
    else:
        print(f"{folder}/ is there already; nothing in it was changed. make lesson shows the whole path.\n")
        tell_next(first_unwritten())
        return 0
    learner.FOLDER = folder
    tell_next(lesson.number)
    return 0


def main(what, word=""):
    for number in (signal.SIGINT, signal.SIGPIPE):      # they end us without many words
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.reconfigure(line_buffering=True)
    for name in ("LANGUAGE", "PYTHONHOME", "PYTHONPATH"):
        os.environ.pop(name, None)
    os.environ["LC_ALL"] = "C.UTF-8"
    alone = {"begin": lambda: begin(word), "path": path, "watch": watch}
    with_lesson = {"check": check, "solution": solution}
    return alone[what]() if what in alone else with_lesson[what](lesson_of(word))


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    sys.exit(main(*sys.argv[1:]))
