#!/usr/bin/env python3
"""Writes how each C file is compiled, for editors and for clang-tidy. No flag is written down here: make
says what it would run for the targets, and build.py what it does with lessons/tools and workshop/.

    lessons/tools/compile_commands.py FILE TARGET...      (make compile_commands.json does)
"""
import json
import os
import re
import subprocess
import sys

import build

file, *targets = sys.argv[1:]
workshop = os.environ.get("WORKSHOP") or "workshop"


def made_by_make():
    """What make prints: a compiler and its arguments in a line, with the source at the end; after that at
    most libraries, and what happens when it fails. Without -Werror: clangd leaves out the bodies of functions that stand
    in included files, would take what they call for unused, and give up after twenty such errors."""
    make = [os.environ.get("MAKE", "make"), "-nB", "--no-print-directory", "V=1", "LESSON=", *targets]
    said = subprocess.run(make, check=True, stdout=subprocess.PIPE, text=True, close_fds=False).stdout
    for line in said.splitlines():
        line = re.sub(r" \|\| .*", "", line).replace(" -Werror ", " ")
        line = re.sub(r"( -l\S+)*$", "", line)
        if line.endswith(".c"):
            yield {"file": line.split(" ")[-1], "command": line}


def made_by_build(folder, place):
    """build.py compiles a folder's files, and more. Those that are in `place` are wanted."""
    for name, words in build.compilations(folder):
        if name.startswith(place + "/"):
            yield {"file": name, "arguments": [*words, "-c", name]}


entries = [*made_by_make(), *made_by_build(".", "lessons/tools")]
if os.path.exists(os.path.join(workshop, "server.c")):
    entries += made_by_build(workshop, workshop)
text = "[" + ",\n".join(json.dumps({"directory": os.getcwd(), **entry}) for entry in entries) + "]\n"
# An editor reads the file again when it has changed, so it is left alone where nothing has.
if not os.path.exists(file) or open(file, encoding="utf-8").read() != text:
    with open(file, "w", encoding="utf-8") as to:
        to.write(text)
