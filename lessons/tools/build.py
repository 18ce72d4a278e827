#!/usr/bin/env python3
"""Builds a stage of the course: its server, or a suite of tests that calls its functions.

    lessons/tools/build.py FOLDER OUTPUT [SUITE]     SUITE: such as 03_stream

FOLDER is one that functions.py has written, or workshop/. $CC is the compiler, $CFLAGS is added (-Werror,
say). What the compiler says is passed on. A suite wants $HARNESS (build/release/tests/harness.a), which make
makes.
The builds of wrong functions take what the compiler is told from here.
"""
import os
import re
import sys

from course import LAST_TO_WRITE
from functions import functions_of, sources

LANGUAGE = "-std=c11 -D_GNU_SOURCE -pthread".split()
WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers".split()
# What an unwritten function leaves unused: its parameters, its helpers, their variables.
QUIET = "-Wno-unused-parameter -Wno-unused-function -Wno-unused-variable".split()
SERVER_LIBRARIES = ["-lmd", "-lb64", "-lz"]
SUITE_LIBRARIES = ["-lcunit", *SERVER_LIBRARIES]


def compiler():
    return (os.environ.get("CC") or "cc").split()    # it may be two words: ccache gcc


def path_in_c(path):
    """An absolute path, as C wants it written."""
    return '"' + os.path.abspath(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def client():
    return "-DCLIENT_DIRECTORY=" + path_in_c("client")


def wrapped():
    """The calls that the linker leads through todo.c and calls.c."""
    names = set()
    for part in ("todo", "calls"):
        with open(f"lessons/tools/{part}.c", encoding="utf-8") as file:
            names.update(re.findall(r"__wrap_([a-z_0-9]+)", file.read()))
    return ["-Wl,--wrap=" + name for name in sorted(names)]


def first_unwritten(folder):
    """The first lesson that has an unwritten function there; one more than the last if there is none."""
    ours = {function.name: function.lesson for source in sources() for function in functions_of(source)
            if function.is_written_by_learner}
    theirs = (function for source in sources() if os.path.exists(os.path.join(folder, source))
              for function in functions_of(os.path.join(folder, source)))
    return min((ours[function.name] for function in theirs if function.todo and function.name in ours),
               default=LAST_TO_WRITE + 1)


def command(folder, output, suite=None):
    files = ["lessons/tools/todo.c", "lessons/tools/calls.c", "lessons/tools/crash.c",
             *(os.path.join(folder, source) for source in sources() if source != "server.c" or not suite)]
    if suite:
        files = [f"tests/suites/{suite}.c", os.environ.get("HARNESS", "build/release/tests/harness.a"), *files]
    # What a rejection names: the lowest lesson that has an unwritten function.
    first = first_unwritten(folder)
    return [*compiler(), *LANGUAGE, "-O0", "-g3", *WARNINGS, *QUIET, *os.environ.get("CFLAGS", "").split(),
            f"-DFIRST_UNWRITTEN={first}", client(), "-DWHERE=" + path_in_c("lessons/tools/where.sh"),
            f"-I{folder}", "-Ilessons/tools", "-Itests/harness", *wrapped(), "-o", output, *files,
            *(SUITE_LIBRARIES if suite else SERVER_LIBRARIES)]


if __name__ == "__main__":
    words = command(*sys.argv[1:])
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.exit(f"{words[0]}: {error.strerror}")
