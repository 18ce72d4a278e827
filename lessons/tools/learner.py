"""learner.py - the learner's code: where it is, what of it is written, and how it is built

The folder is $WORKSHOP, or "workshop". It is "" if WORKSHOP is set but empty, or there is no such folder:
then the finished code is meant. What is made from it goes to build/workshop, and from another folder's, such
as ann, to build/workshop-ann. The working directory is the top of the project.
"""
import glob
import hashlib
import os
import re
import subprocess
import sys

import build
from build import make_folder, turn
from course import LAST, LESSONS
from functions import functions_of, read, sources

FOLDER = os.environ.get("WORKSHOP", "workshop")
if os.environ.get("WORKSHOP") and not os.path.isdir(FOLDER):
    print(f"There is no folder {FOLDER} (WORKSHOP names it).", file=sys.stderr)
    sys.exit(2)
FOLDER = FOLDER if os.path.isdir(FOLDER) else ""
MADE = "build/workshop" if FOLDER in ("", "workshop") else f"build/workshop-{os.path.basename(os.path.abspath(FOLDER))}"

# Whether somebody looks at a terminal that can do more than show lines.
ON_TERMINAL = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")
# Colours, for people only, and not for those who have set NO_COLOR (no-color.org).
RED, GREEN, BOLD, PLAIN = ("\033[31m", "\033[32m", "\033[1m", "\033[0m") \
    if ON_TERMINAL and not os.environ.get("NO_COLOR") else ("", "", "", "")


def lesson_of(word):
    """The lesson that a word names; ends the command if there is no such lesson."""
    if re.fullmatch("0?[1-9]|1[0-9]", word) and int(word) <= LAST:
        return LESSONS[int(word) - 1]
    print(f'There is no lesson "{word}": LESSON is a number from 1 to {LAST}.' if word
          else "Which lesson? Add its number: LESSON=3", file=sys.stderr)
    sys.exit(2)


def need_folder():
    """Ends the command if there is no code of the learner's."""
    if not FOLDER:
        sys.exit("There is no workshop/ yet: make workshop begins with lesson 1,\n"
                 "make workshop LESSON=7 with lesson 7.")


# ---- what is written ----

def learners():
    """The learner's functions by their names. A copy of a file that lies beside the others is not asked."""
    paths = [os.path.join(FOLDER, source) for source in sources()]
    return {function.name: function for path in paths if os.path.exists(path) for function in functions_of(path)}


def unwritten(lesson):
    """The functions of a lesson that are not written, in the learner's files."""
    found = learners()
    return [found[ours.name] for ours in lesson.functions() if ours.name in found and found[ours.name].todo]


def first_unwritten():
    """The first lesson that has an unwritten function; one more than the last to write if there is none."""
    return build.first_unwritten(FOLDER)


def place(function):
    return f"{function.path}:{function.todo or function.first}  {function.name}"


# ---- building ----

def fingerprint():
    """What the learner's code and the suites are made of. If it is the same as it was, what a check has found still
    holds. The project's place is part of it: the programs hold names of its files."""
    digest = hashlib.sha1(repr([build.compiler(), os.environ.get("CFLAGS"), os.getcwd()]).encode())
    for path in sorted([*glob.glob(f"{glob.escape(FOLDER)}/*.[ch]"), *glob.glob("lessons/tools/*.[ch]"),
                        *glob.glob("tests/suites/*.c"), *glob.glob("tests/harness/*.[ch]"),
                        "lessons/tools/build.py", "lessons/tools/functions.py"]):
        with open(path, "rb") as file:
            digest.update(path.encode() + file.read())
    return digest.hexdigest()


def functions_print(lesson, folder=None):
    """What the functions that a learner writes up to a lesson are, in a folder: the learner's, or "." for ours."""
    names = {function.name for source in sources() for function in functions_of(source)
             if function.is_written_by_learner and function.lesson <= lesson}
    digest = hashlib.sha1()
    for path in [os.path.join(folder or FOLDER, source) for source in sources()]:
        for function in functions_of(path) if os.path.exists(path) else []:
            if function.name in names:
                digest.update("\n".join(read(path)[function.first - 1:function.last]).encode(errors="surrogateescape"))
    return digest.hexdigest()


def content(path):
    """Of a file of ours in MADE; "": there is none."""
    if not os.path.exists(f"{MADE}/{path}"):
        return ""
    with open(f"{MADE}/{path}", encoding="utf-8", errors="replace") as file:
        return file.read()


def keep(path, text):
    with open(f"{MADE}/{path}", "w", encoding="utf-8") as file:
        file.write(text)


def compile_learners(name, suite=None):
    """Builds the server, or a suite that calls functions, from the learner's code. What the compiler says is
    in NAME.said. Returns whether it compiles."""
    with turn(MADE):
        built, said = build.program(FOLDER, f"{MADE}/{name}.new", suite)
        keep(f"{name}.said", said)
        if built:
            os.replace(f"{MADE}/{name}.new", f"{MADE}/{name}")
        return built


# What a compiler says if a library is missing, or the compiler.
MISSING = (r"cannot find -l|error: (zlib|sha1|b64/[a-z]*|CUnit/[A-Za-z]*|stdio|stdlib|string|errno)\.h: No such"
           r"|^[^:\n]*: No such file or directory$|: not found$")


def tell_failed_build(name):
    """What the compiler says, and to which function its first error belongs. Returns False."""
    said = content(f"{name}.said")
    print(said + "\n", end="")
    found = re.search(rf"^.*?({re.escape(FOLDER)}/[^/:\n]*):(\d+):.*(error:|undefined reference|multiple definition)",
                      said, re.M)
    lost = re.search(r"undefined reference to \W*(\w+)", said)
    if re.search(MISSING, said, re.M):
        print(f"{RED}Something that is needed is missing:{PLAIN} make doctor says what, and how to get it.")
    elif lost:
        of = [f" (lesson {lesson.number})" for lesson in LESSONS if lesson.has_something_to_write
              for function in lesson.functions() if function.name == lost[1]]
        print(f"{RED}It does not compile.{PLAIN} Nothing defines {lost[1]}{''.join(of)}, which is called.")
    elif found and (function := function_at(found[1], int(found[2]))):
        print(f"{RED}It does not compile.{PLAIN} The first error is at {found[1]}:{found[2]}, "
              f"in {function.name}: lesson {function.lesson}.")
    else:
        print(f"{RED}It does not compile:{PLAIN} the compiler says why, above.")
    return False


def function_at(path, line):
    """The function that a line belongs to, if its comment names a lesson."""
    before = [function for function in functions_of(path) if function.commented <= line and function.lesson]
    return before[-1] if before else None


def build_server():
    """Builds the learner's server and shows what the compiler says. Returns whether it compiles."""
    if not compile_learners("server"):
        return tell_failed_build("server")
    print(content("server.said"), end="")
    return True


def make(*targets):
    """Has make make what has nothing to do with the learner's code: no variable that was given to the one that
    started us is meant for it. Returns whether it has succeeded."""
    ours = "MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL LESSON SERVER FOREIGN WORKSHOP BUILD VARIANT".split()
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    with turn("build"):
        return subprocess.run(["make", "-s", "--no-print-directory", *targets], env=environment,
                              check=False).returncode == 0
