#!/usr/bin/env python3
"""Makes every stage of the course, builds it with each compiler, and starts it once. A warning, a response
that stage.c does not expect, or a last stage that is not the finished code: an error.

    tests/system/stages.py FOLDER CHECKER COMPILER...       (the Makefile says how)
"""
import os
import sys

sys.path += ["lessons/tools", "tests/harness"]
from course import LAST_TO_WRITE  # noqa: E402
from functions import read, sources, stage as write_stage  # noqa: E402
from run import run, side_by_side  # noqa: E402

folder, checker, *compilers = sys.argv[1:]
stages = range(1, LAST_TO_WRITE + 1)


def try_stages(compiler):
    """All stages in one folder, so that only those files are compiled that are not as in the stage before."""
    here = f"{folder}/{compiler}"
    server, log = f"{here}-server", f"{here}.log"
    for stage in stages:
        write_stage(stage, here)
        status, said = run([sys.executable, "lessons/tools/build.py", here, server], log, CC=compiler, CFLAGS="-Werror")
        if status == 0:
            status, said = run([checker], log, STAGE=str(stage), SERVER=server)
        if status:
            return 0, 1, f"{said}stage {stage}, built with {compiler}, is not right"
    return len(stages), 0, ""


write_stage(99, f"{folder}/whole")
for source in sources():
    if [line for line in read(f"{folder}/whole/{source}") if line != '#include "todo.h"'] != read(source):
        sys.exit(f"the last stage's {source} is not the finished one")
os.environ.pop("LESSON", None)
right = side_by_side(try_stages, compilers, len(compilers))
print(f"{len(stages)} stages built with {' '.join(compilers)}, silently, and started" if right else "not right")
sys.exit(not right)
