#!/usr/bin/env python3
"""Builds a stage of the course: its server, or a suite of tests that calls its functions.

    lessons/tools/build.py FOLDER OUTPUT [SUITE]     SUITE: such as 03_stream

FOLDER is one that functions.py has written, or workshop/. $CC is the compiler, $CFLAGS is added (-Werror,
say). What the compiler says is passed on. A suite wants $HARNESS (build/release/tests/harness.a), which make
makes. Each file becomes an object in OUTPUT.objects, if it or a header has changed; as many at once as there
are processors.
The builds of wrong functions take what the compiler is told from here.
"""
import concurrent.futures
import contextlib
import fcntl
import glob
import hashlib
import os
import re
import subprocess
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


def compilations(folder, suite=None, main="server.c"):
    """Each file, and the words that compile it. `main` is the file that has the program's main."""
    common = [*compiler(), *LANGUAGE, "-O0", "-g3", *WARNINGS, *QUIET, *os.environ.get("CFLAGS", "").split(), client(),
              "-DWHERE=" + path_in_c("lessons/tools/where.sh"), f"-I{folder}", "-Ilessons/tools", "-Itests/harness"]
    yield (f"tests/suites/{suite}.c" if suite else os.path.join(folder, main)), common
    # What a rejection names: the lowest lesson that has an unwritten function.
    first = f"-DFIRST_UNWRITTEN={first_unwritten(folder)}"
    yield "lessons/tools/todo.c", [*common, first]
    yield "lessons/tools/calls.c", [*common, first]
    for file in ["lessons/tools/crash.c", *(os.path.join(folder, name) for name in sources() if name != "server.c")]:
        yield file, common


def make_folder(path):
    if subprocess.run(["sh", "lessons/tools/folder.sh", path], check=False).returncode:
        sys.exit(1)


@contextlib.contextmanager
def turn(folder):
    """Checks may run at the same time, and need the same programs: one builds them there, the others wait for it."""
    make_folder(folder)
    with open(f"{folder}/lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(words):
    """Runs a compiler. Returns whether it succeeds, and what it says."""
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError as error:
        return False, f"{words[0]}: {error.strerror}\n"
    return done.returncode == 0, done.stdout.decode(errors="replace")


def digest(words, file):
    """Of all that an object may be made from. A file may include a .c file, but only a suite one of the server's."""
    compiled = [] if file.startswith("tests/suites/") else sources()
    included = [name for word in words if word.startswith("-I")
                for name in glob.glob(os.path.join(glob.escape(word[2:]), "*.[ch]"))
                if os.path.basename(name) not in compiled]
    found = hashlib.sha1(repr([os.getcwd(), words]).encode())
    for name in filter(os.path.isfile, [file, *sorted(included)]):    # the compiler says what is missing
        with open(name, "rb") as source:
            found.update(os.fsencode(name) + source.read())
    return found.hexdigest()


def compile_file(words, file, made):
    """Unless it is compiled already: then what the compiler said is said again."""
    now = digest(words, file)
    if os.path.exists(f"{made}.said"):
        with open(f"{made}.said", encoding="utf-8") as kept:
            before, _, said = kept.read().partition("\n")
        if before == now and os.path.exists(made):
            return True, said
        os.remove(f"{made}.said")   # until the new object is whole, and still what the files say
    built, said = run([*words, "-c", file, "-o", made])
    if built and digest(words, file) == now:
        with open(f"{made}.said", "w", encoding="utf-8") as kept:
            kept.write(f"{now}\n{said}")
    return built, said


def program(folder, output, suite=None, main="server.c", more=()):
    """Builds it, with `more` options. Returns whether that has succeeded, and what the compiler says, each thing once."""
    jobs = [([*words, *more], file, f"{output}.objects/{os.path.basename(file)[:-2]}.o")
            for file, words in compilations(folder, suite, main)]
    objects = [made for _, _, made in jobs]
    if suite:
        objects.insert(1, os.environ.get("HARNESS", "build/release/tests/harness.a"))
    with turn(f"{output}.objects"):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda job: compile_file(*job), jobs))
        if all(right for right, _ in results):
            results.append(run([*compiler(), "-pthread", *os.environ.get("CFLAGS", "").split(), *more, *wrapped(), "-o",
                                output, *objects, *(SUITE_LIBRARIES if suite else SERVER_LIBRARIES)]))
    return all(right for right, _ in results), "".join(dict.fromkeys(said for _, said in results))


if __name__ == "__main__":
    built, words_said = program(*sys.argv[1:])
    sys.stderr.write(words_said)
    sys.exit(not built)
