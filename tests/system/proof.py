#!/usr/bin/env python3
"""Shows that the lessons' checks see what is written, and what is not.

    tests/system/proof.py FOLDER [FUNCTION]...       (make check-proof does)

The finished code passes all of them. Stage N of the course has lessons 1 to N-1: the checks of these
lessons pass, and that of lesson N fails. Then each function that a learner writes is left out, alone, of
the finished code, and again of the stage in which its lesson is the last: its lesson's check must fail. It
fails as it should if it says what it wants, or that the lesson is not written; if it crashes, or its time
is up, or the server crashes, it does not help anybody. With names of functions: only these are left out,
and what is said is shown. FOLDER has the suites; all is made there.
"""
import filecmp
import os
import re
import shutil
import subprocess
import sys
import time

sys.path += ["lessons/tools", "tests/harness"]
import build  # noqa: E402
from course import LAST_TO_WRITE as LAST, LESSONS  # noqa: E402
from functions import functions_of, sources, stage as write_stage  # noqa: E402
from run import run, side_by_side  # noqa: E402

LIMIT_S = 60    # for a check to fail; most take a few, but that of lesson 14 waits for timeouts
WAIT_S = 4      # for each of its waits then: there is something to wait in vain for
AT_ONCE = 4     # most of the time they wait
FINISHED = 99
# What is missing leaves other things unused; make check-stages looks at the other warnings.
FLAGS = [*build.LANGUAGE, "-O0", "-g", "-w", "-Ilessons/tools"]

folder, *names = sys.argv[1:]
slowest = {}    # for each function that was left out: the seconds until that was seen


class NotRight(Exception):
    pass


def command(words, here, complaint):
    status, said = run(words, f"{here}/log")
    if status:
        raise NotRight(f"{complaint}\n{said}")


def compile_file(path, here, stage, complaint):
    first = [f"-DFIRST_UNWRITTEN={stage}"] if stage <= LAST else []     # what a rejection names
    command([*build.compiler(), *FLAGS, *first, f"-I{here}", build.client(), "-c", "-o",
             f"{here}/{os.path.basename(path)[:-2]}.o", path], here, complaint)


def link(output, here, base, complaint):
    """Links what was compiled here, and what was not, from a stage: the server, or a lesson's suite."""
    objects = [next(name for name in (f"{here}/{part}", f"{base}/{part}") if os.path.exists(name))
               for part in [source[:-1] + "o" for source in sources()] + ["todo.o", "calls.o"]]
    if output != "server":
        objects = [name for name in objects if not name.endswith("/server.o")]
        objects += [f"{folder}/tests/suites/{LESSONS[output - 1].suite}.o", f"{folder}/tests/harness.a"]
        output = "check"
    command([*build.compiler(), "-pthread", *build.wrapped(), "-o", f"{here}/{output}", *objects,
             *build.SUITE_LIBRARIES], here, complaint)


def check(here, server, written, wait_s, limit_s):
    """Runs a lesson's check, of a server that is written up to a lesson."""
    try:
        return run([f"{here}/check"], f"{here}/log", limit_s, LESSON=str(written), SERVER=server,
                   FAIL_FAST=str(wait_s))
    except subprocess.TimeoutExpired:
        return None, ""


def must_fail(lesson, here, server, written, what):
    """A check that must fail, and say why. Returns what it says."""
    status, said = check(here, server, written, WAIT_S, LIMIT_S)
    if status == 0:
        raise NotRight(f"{what}: the check of lesson {lesson} passes")
    if status is None:
        raise NotRight(f"{what}: the check of lesson {lesson} has not failed in {LIMIT_S} s")
    if status < 0:
        raise NotRight(f"{what}: the check of lesson {lesson} has crashed\n{said}")
    if re.search("took too long|killed by signal", said):
        raise NotRight(f"{what}: not by its own words\n{said}")
    if not re.search(rf'lesson {lesson} is yours to write|^In ".*": [a-zA-Z]', said, re.M):
        raise NotRight(f"{what}: the check of lesson {lesson} does not say why\n{said}")
    return said


# ---- what runs side by side: each has a folder of its own, `here` ----

def build_stage(here, stage):
    write_stage(stage, here)
    for path in [*(os.path.join(here, source) for source in sources()), "lessons/tools/todo.c",
                 "lessons/tools/calls.c"]:
        compile_file(path, here, stage, f"stage {stage} does not compile")
    link("server", here, here, f"stage {stage} does not link")


def try_check(here, stage, lesson):
    """One check, on one stage. The finished code has as little time for each wait as what must fail has:
    else it might be the time alone that makes it fail."""
    base = f"{folder}/build_stage-{stage}"
    link(lesson, here, base, f"check {lesson} does not link with stage {stage}")
    if stage == lesson:
        must_fail(lesson, here, f"{base}/server", lesson, f"stage {stage}")
        return
    written, wait_s = (LAST, WAIT_S) if stage > LAST else (stage - 1, 10)
    status, said = check(here, f"{base}/server", written, wait_s, 120)
    if status != 0:
        raise NotRight(f"the check of lesson {lesson} must pass when lessons 1 to {written} are written\n{said}")


def try_without(here, name, lesson, stage, written):
    """One function left out: its file is another than that of the stage, and compiled anew."""
    base = f"{folder}/build_stage-{stage}"
    write_stage(stage, here, name)
    for source in sources():
        if filecmp.cmp(f"{here}/{source}", f"{base}/{source}", shallow=False):
            os.remove(f"{here}/{source}")
        else:
            compile_file(f"{here}/{source}", here, FINISHED, f"without {name} it does not compile")
    for part in ("todo.o", "calls.o"):
        shutil.copy(f"{folder}/build_stage-{lesson}/{part}", here)
    link("server", here, base, f"without {name} it does not link")
    link(lesson, here, base, f"without {name} it does not link")
    what = f"without {name}, all others written up to lesson {written}"
    began = time.monotonic()
    said = must_fail(lesson, here, f"{here}/server", written, what)
    slowest[name] = max(slowest.get(name, 0), time.monotonic() - began)
    return f"{what}:\n{said}" if names else ""


def do(job):
    work, *words = job
    here = os.path.join(folder, "-".join([work.__name__, *map(str, words)]))
    shutil.rmtree(here, ignore_errors=True)
    os.makedirs(here)
    try:
        return 1, 0, work(here, *words)
    except NotRight as complaint:
        return 0, 1, "\n    ".join(f"NOT RIGHT: {complaint}".splitlines())


def jobs():
    """What takes longest comes first."""
    if not names:
        for lesson in range(LAST, 0, -1):
            yield from ((try_check, stage, lesson) for stage in [FINISHED, *range(LAST, lesson - 1, -1)])
    for function in (function for source in sources() for function in functions_of(source)):
        if function.is_written_by_learner and (not names or function.name in names):
            yield try_without, function.name, function.lesson, FINISHED, LAST
            if function.lesson < LAST:
                yield try_without, function.name, function.lesson, function.lesson + 1, function.lesson


stages = [(build_stage, stage) for stage in [FINISHED, *range(LAST, 0, -1)]]
right = side_by_side(do, stages, AT_ONCE) and side_by_side(do, jobs(), AT_ONCE)
if slowest:
    name = max(slowest, key=slowest.get)
    print(f"{len(slowest)} functions left out, one at a time: seen in {slowest[name]:.1f} s at most ({name})")
sys.exit(not right)
