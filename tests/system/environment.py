#!/usr/bin/env python3
"""Whether the course works in a learner's environment, whatever that is: variables that somebody has
exported, strange names, files that came by a strange way, other shells, and what is not there.

    tests/system/environment.py [TEST]...       (make check-environment does)

All is tried in a copy whose name holds the letters that shells, make and C take for their own, and whose
scripts have lost their x bits. What cannot be tried on a machine is left out, with a sentence.
"""
import contextlib
import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
scratch = pathlib.Path(tempfile.mkdtemp())
copy = scratch / """-a "b\\c" & it's $5; #1 50% [x]~:,=ü"""
results = []

# Each command prints, and makes, the same in each of these environments. (9: no such lesson, no number.)
COMMANDS = (
    "touch utf8.c && make all", "make workshop", "make check LESSON=7 WORKSHOP=", "make -n run suites fuzz",
    "make solution LESSON=4", "make debug </dev/null", "make doctor | grep -v '^port'",
    "rm -f compile_commands.json && make compile_commands.json && cksum compile_commands.json")
ENVIRONMENTS = {
    "make's arguments": dict.fromkeys(
        "ALONE ARGS BROWSER BUILD CLIENT COUNT FAIL_FAST FOREIGN FORCE LEARN LESSON MISTAKE NAME PORT"
        " PART PASSED_LESSON ROUNDS SANITIZE SECONDS SERVER SOAK TRANSCRIPT UPDATE V VARIANT WORKSHOP".split(), "9x"),
    "a shell's": {"CDPATH": str(scratch), "LANGUAGE": "de", "LC_ALL": "tr_TR.ISO-8859-9", "LC_NUMERIC": "de_DE",
                  "GREP_OPTIONS": "--color=always", "POSIXLY_CORRECT": "1", "TMPDIR": "/nowhere"},
    "Python's": {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"},
    "make's": {"MAKEFLAGS": "-kj2"},
}

# What GNU Make 4.4 says by itself of a shell's TMPDIR.
OF_MAKE = re.compile(r"^make\S*: (TMPDIR value|using default temporary directory) .*\n", re.M)

# A function's first line of body, as an editor or a person may leave it; and whether that is unwritten.
BODIES = {
    "as it was": ("    TODO(3, {words});\n", True), "a tab": ("\tTODO(3, {words});\n", True),
    "in a block": ("    if (room > 0) {{\n        TODO(3, {words});\n    }}\n", True),
    "behind a brace": ("    {{ TODO(3, {words}); }}\n", True), "spaced": ("  TODO (3, {words} );\n", True),
    "a comment": ("    // TODO(3, {words});\n", False), "a longer one": ("    /* TODO(3, x); */\n", False),
    "a string": ('    (void)"TODO(3, x)";\n', False), "CRLF": ("    TODO(3, {words});\r\n", True),
}


def judge(holds, complaint):
    results.append(bool(holds))
    if not holds:
        print("FAILED: " + complaint)


def left_out(words):
    print("left out: " + words)


def run(command, where=None, **environment):
    """A command's status and words."""
    done = subprocess.run(command, shell=isinstance(command, str), cwd=where or copy, text=True, timeout=120,
                          errors="replace", env=os.environ | environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def result(command, **environment):
    status, said = run(command, **environment)
    return status, OF_MAKE.sub("", said)


def says(command, words, status=0, never="(?!)", **more):
    """Judges a command by its status, and by what it says."""
    ended, said = run(command, **more)
    judge(ended == status, f"{command}: status {ended}, not {status}:\n{said}")
    judge(re.search(words, said, re.M), f"{command}: nothing says \"{words}\":\n{said}")
    judge(not re.search(never, said, re.M), f"{command} must not say \"{never}\":\n{said}")


def as_nobody(command):
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command]


def alone(mounts, command):
    """A command with mounts, or a network, of its own; None where only a real root could."""
    whole = ["unshare", "-m", "-n", "sh", "-c", f"ip link set lo up; {mounts} || exit 99; {command}"]
    status, said = run(whole)
    return None if status == 99 or re.match("unshare:", said) else (status, said)


# ---- the tests ----

def test_names_in_the_environment():
    files = set(os.listdir(copy))
    for command in COMMANDS:
        usual = result(command)
        for kind, environment in ENVIRONMENTS.items():
            if "check LESSON" in command:  # there, SERVER may stand before make
                environment = {name: value for name, value in environment.items() if name != "SERVER"}
            if result(command, **environment) != usual:
                for name, value in environment.items():
                    if (changed := result(command, **{name: value})) != usual:
                        print(f"{name}={value} {command}:\n{changed[1][-600:]}\nWithout it:\n{usual[1][-600:]}")
                judge(False, f"{command}: {kind} variables change something")
            judge(True, "")
    judge(set(os.listdir(copy)) - files <= {"workshop", "compile_commands.json"}, "something else was made")
    says("make check LESSON=3", "cannot test another program", 2, SERVER="node my.js")
    says("make doctor", "^compiler +ok", CC="env gcc")
    says("touch utf8.c && make -s", r"^$", never=".", CFLAGS="-g")


def test_folder_that_is_strange():
    says("make all && ./server --version", "^server [0-9]")
    says("make workshop LESSON=8 && make check LESSON=7", "^Lesson 7 passes")
    run("make workshop LESSON=4")
    if run("sh lessons/tools/may-trace.sh")[0] == 0:
        says("make debug LESSON=3 CLIENT=1", "file workshop/stream.c, line", never="error")
    prefix = scratch / "it's"
    says(f'umask 077; make install PREFIX="{prefix}" && "{prefix}/bin/server" --version', "^server [0-9]")
    hidden = run(["find", str(prefix), "-type", "f", "!", "-perm", "-o+r"])[1]
    judge(hidden == "", f"others cannot read what is installed: {hidden}")


def test_folder_that_cannot_be_written():
    if os.getuid() == 0:
        scratch.chmod(0o755)
        if run(as_nobody("true"))[0] != 0:
            return left_out("a folder of somebody else: only root may enter / here")
        commands = [as_nobody("make -B all"), as_nobody("make doctor"), as_nobody("make check LESSON=3")]
    else:
        commands = ["chmod a-w build/release && make -B all; chmod u+w build/release"]
    for command in commands:
        ended, said = run(command)
        judge(ended != 0 and re.search(r"^build[a-z/]* cannot be written to: Permission denied", said, re.M)
              and not re.search("missing|does not compile", said), f"{command}: {said}")


def test_checkout_by_windows():
    run("git init -q && git add -A && git -c user.name=x -c user.email=x commit -qm x")
    windows = scratch / "windows"
    run(["git", "clone", "-q", "-c", "core.autocrlf=true", str(copy), str(windows)], scratch)
    judge((windows / "Makefile").is_file(), "nothing was cloned")
    judge(run("git ls-files --eol | grep w/crlf | grep -v attr/-text", windows)[1] == "", "files have CRLF")
    for name in glob.glob("tests/fuzz/corpus/*/*", root_dir=copy):
        judge((copy / name).read_bytes() == (windows / name).read_bytes(), f"{name} has changed")


def test_programs_may_not_run_in_tmp():
    place = scratch / "noexec"
    place.mkdir()
    tried = alone(f"mount -t tmpfs -o noexec x '{place}'", f"TMPDIR='{place}' make doctor")
    if tried is None:
        return left_out("a /tmp that is mounted noexec")
    judge(tried[0] == 0, tried[1])


def test_no_ipv6_no_proc():
    """The lessons that look at either."""
    for mounts, lessons in (("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6", [1]),
                            ("mount -t tmpfs x /proc", [2])):
        for lesson in lessons:
            tried = alone(mounts, f"make check LESSON={lesson} WORKSHOP=")
            if tried is None:
                return left_out(mounts)
            judge(tried[0] == 0 and "skipped: " in tried[1], f"{mounts}:\n{tried[1]}")


def test_gdb_may_not_trace():
    (scratch / "bin").mkdir()
    (scratch / "bin/gdb").write_text("#!/bin/sh\necho Operation not permitted.\nexit 1\n")
    (scratch / "bin/gdb").chmod(0o755)
    says("make check-tours", "left out", PATH=f"{scratch}/bin:{os.environ['PATH']}")


def test_output_that_nobody_reads():
    """The ready line finds no room, the server waits, and is asked to stop: that is no failure."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, b"x"):
            pass
    os.set_blocking(writer, True)
    for more in ([], ["--verbose"]):
        server = subprocess.Popen([copy / "server", "--port=0", *more], stdout=writer, stderr=subprocess.PIPE)
        status = pathlib.Path(f"/proc/{server.pid}/status")
        deadline = time.monotonic() + 30
        while not re.search(r"^SigCgt:.*[4567cdef]...$", status.read_text(), re.M) and time.monotonic() < deadline:
            time.sleep(.01)  # until it catches SIGTERM, number 15
        while server.poll() is None and time.monotonic() < deadline:
            server.terminate()  # again and again: one may come before it waits
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(.1)
        server.kill()
        said = server.communicate()[1]
        judge(server.returncode == 0 and not said, f"stopped with status {server.returncode}: {said}")


def test_other_shells():
    shells = [shell for shell in ("zsh", "fish") if shutil.which(shell) or left_out(f"{shell} is not here")]
    sys.path.insert(0, str(PROJECT / "lessons/tools"))
    import console
    import page
    for name in sorted(PROJECT.glob("lessons/*/README.md")):
        for block in page.Page(name).blocks:
            for line, command, _ in console.commands(block) if block.language == "console" else ():
                for shell in shells if command else ():
                    done = subprocess.run([shell, "-n"], input=command + "\n", text=True,
                                          stderr=subprocess.PIPE)
                    judge(not done.stderr, f"{name}:{line}: {command}\n    {done.stderr.strip()}")


def test_unwritten_is_one_thing():
    run("make workshop LESSON=3")
    file = copy / "workshop/stream.c"
    usual = file.read_text()
    line = re.search(r"    TODO\(3, (\".*\")\);\n", usual)
    for kind, (body, unwritten) in BODIES.items():
        text = usual.replace(line[0], body.format(words=line[1]))
        file.write_bytes((text.replace("\n", "\r\n") if kind == "CRLF" else text).encode())
        told = run("make workshop")[1]
        run("python3 lessons/tools/functions.py rest workshop build/rest")
        filled = (copy / "build/rest/stream.c").read_text().replace("TODO (", "TODO(")
        judge(("write   receive, in" in told) == unwritten, f"{kind}: make workshop says\n{told}")
        judge(("TODO(3" not in filled) == unwritten, f"{kind}: the debugger's code is wrong")
    for path in (copy / "workshop").glob("*.c"):
        path.write_bytes(path.read_bytes().replace(b"    TODO", b"\tTODO"))
    said = run("python3 lessons/tools/build.py workshop none", CC="printf %s\\n")[1]
    judge("-DFIRST_UNWRITTEN=3\n" in said, f"build.py: {said}")


def test_make_is_quiet():
    said = run("make BUILD=build/quiet SERVER=build/quiet/server")[1]
    judge(said == "built ./build/quiet/server\n", f"a clean build says {said}")
    judge(run("make all")[1] == "built ./server: make run\n", "the last line is not what to do next")
    says("touch utf8.c && make V=1", "^cc .*utf8.c")
    source = copy / "utf8.c"
    text = source.read_text()
    source.write_text(text + "nonsense\n")
    ended, said = run("make")
    judge(ended and len(said.splitlines()) <= 7 and "error: " in said, f"an error does not stand out:\n{said}")
    source.write_text(text)
    told = [re.findall(r"^  make (\S+)", run(command)[1], re.M) for command in ("make help", "make help-all")]
    judge(len(run("make help")[1].splitlines()) <= 24, "make help does not fit a terminal")
    judge(set(told[0]) < set(told[1]), "make help knows what make help-all does not")


def main():
    for name in [*ENVIRONMENTS["make's arguments"], "CC", "CFLAGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"]:
        os.environ.pop(name, None)
    kept = shutil.ignore_patterns(".git", "build", "workshop", "node_modules", "__pycache__", "server")
    shutil.copytree(PROJECT, copy, ignore=kept)
    shutil.copytree(PROJECT / "build/release", copy / "build/release")
    run("find . -path ./build -prune -o -type f -exec chmod a-x {} +")
    run("make -s all check LESSON=7 WORKSHOP= && make workshop")
    for name, test in list(globals().items()):
        if name.startswith("test_") and (len(sys.argv) == 1 or name in sys.argv):
            test()
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return not all(results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
