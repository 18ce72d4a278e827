#!/usr/bin/env python3
"""Shows that the tests catch what others have got wrong, and say what it is.

    tests/mistakes/check.py FOLDER [NAME]...       (make check-mistakes does)

Each file of tests/mistakes/ is a mistake: one function, or two, of the finished code, as published
servers have it. It is put in the place of the right one. Then the suite that the file names must fail,
with the words that the file says, soon, and in order: neither by a crash of the suite nor because its
time was up. The suite runs the tests that a learner has who has written this function, and nothing
later. A mistake that only a sanitizer sees says with which option it is built, and $NOT_RANDOM starts it
(see the Makefile). FOLDER has the finished code's objects and suites; all is made there.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import time

sys.path += ["lessons/tools", "tests/harness"]
import build  # noqa: E402
from functions import functions_of, replaced, sources, write  # noqa: E402
from run import run, side_by_side  # noqa: E402

LIMIT_S = 60    # for a suite to fail; most take a few, but that of lesson 14 waits for timeouts
AT_ONCE = 4     # most of the time they wait
WAIT_S = "4"    # for each of its waits, fewer than usual: there is something to wait in vain for
# What the right version used and the wrong one does not: helpers.
FLAGS = [*build.LANGUAGE, "-O1", "-g", *build.WARNINGS, "-Werror", "-Wno-unused-function", "-I."]


class NotCaught(Exception):
    pass


def command(words, log, complaint):
    status, said = run(words, log)
    if status:
        raise NotCaught(f"{complaint}\n{said}")


def compile_changed(mistake, here, log, options):
    """Compiles the files in which a function is another now. Returns the objects of the whole program, and the
    last lesson of the functions."""
    wrong = {function.name: function for function in functions_of(mistake)}
    counts = dict.fromkeys(wrong, 0)
    objects, lesson = [], 0
    for source in sources():
        theirs = [function for function in functions_of(source) if function.name in wrong]
        found = [function.name for function in theirs]
        lesson = max([lesson, *(function.lesson for function in theirs)])
        objects.append(os.path.join(here if found else folder, source[:-1] + "o"))
        for name in found:
            counts[name] += 1
        if found:
            write(os.path.join(here, source), replaced(source, wrong))
            command([*build.compiler(), *FLAGS, *options, build.client(), "-c", "-o", objects[-1],
                     os.path.join(here, source)], log, "it does not compile without a warning")
    for name, count in counts.items():
        if count != 1:
            raise NotCaught(f"{name}: {count} functions of this name are in the code, not one")
    return objects, lesson


def link(objects, suite, here, log, options):
    program = [*build.compiler(), "-pthread", *options, "-o"]
    command([*program, f"{here}/server", *objects, *build.SERVER_LIBRARIES], log, "it does not link")
    command([*program, f"{here}/suite", f"{folder}/tests/suites/{suite}.o", f"{folder}/tests/harness.a",
             *(name for name in objects if not name.endswith("/server.o")), *build.SUITE_LIBRARIES], log,
            "its suite does not link")


def catch(name, mistake, here):
    """Returns how it was caught, or raises NotCaught."""
    with open(mistake, encoding="utf-8") as file:
        text = file.read()
    suite = re.search(r"^ \* Caught by: tests/suites/(.*)\.c$", text, re.M)
    words = re.search(r"^ \* Says: (.*)", text, re.M)
    sanitizer = re.findall(r"^ \* Built with: (.*)", text, re.M)
    start = os.environ.get("NOT_RANDOM", "").split() if sanitizer else []
    if not suite or not words or suite[1].split("_")[0] != name.split("-")[0]:
        raise NotCaught("it must say what catches it, in a suite of its own number, and with which words")
    suite, log = suite[1], f"{here}/log"
    objects, lesson = compile_changed(mistake, here, log, sanitizer)
    link(objects, suite, here, log, sanitizer)
    began = time.monotonic()
    try:
        status, said = run([*start, f"{here}/suite"], log, LIMIT_S, SERVER=f"{here}/server", FAIL_FAST=WAIT_S,
                           LESSON=str(max(lesson, int(suite[:2]))))
    except subprocess.TimeoutExpired:
        raise NotCaught(f"{suite} has not failed in {LIMIT_S} s") from None
    if status <= 0:
        raise NotCaught(f"{suite} {'has crashed' if status else 'passes'}\n{said}")
    # Names of tests that have passed are no words of a failure. A line may be broken anywhere.
    failures = re.sub(r"^  (Test: |ok |FAILED ).*", "", said, flags=re.M)
    if words[1] not in " ".join(failures.split()):
        raise NotCaught(f'nothing says "{words[1]}"\n{said}')
    return f"caught: {name} ({suite}, {time.monotonic() - began:.1f} s)"


def try_mistake(mistake):
    name = os.path.basename(mistake)[:-2]
    here = os.path.join(folder, name)
    shutil.rmtree(here, ignore_errors=True)
    os.makedirs(here)
    try:
        return 1, 0, catch(name, mistake, here)
    except NotCaught as complaint:
        return 0, 1, "\n    ".join(f"NOT CAUGHT: {name}: {complaint}".splitlines())


folder, *names = sys.argv[1:]
# Those of the last lessons take longest, so they come first.
mistakes = [f"tests/mistakes/{name}.c" for name in names] or sorted(glob.glob("tests/mistakes/*.c"), reverse=True)
sys.exit(not side_by_side(try_mistake, mistakes, AT_ONCE))
