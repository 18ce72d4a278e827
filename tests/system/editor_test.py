#!/usr/bin/env python3
"""Whether an editor, a container and a machine that lacks something find what they need, without any of
them: what is in .vscode and .devcontainer is read as they would read it, and run in a copy of this
folder that is thrown away. Neither VS Code nor Docker is started.

    python3 tests/system/editor_test.py [CLASS[.TEST]]...      (make check-editor does)

The copy's path holds a space, as a learner's may.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 120
LESSON = "1"
NOT_OURS = ("MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL LESSON SERVER FOREIGN WORKSHOP FORCE BUILD CC"
            " CFLAGS CODESPACES CODESPACE_NAME GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"
            " REMOTE_CONTAINERS").split()
# Tasks that go on until they are ended, or that "make test" runs anyway: looked at, not run.
NOT_RUN = ["make run", "make watch", "make mine ARGS=--wire", "make check"]

scratch = pathlib.Path(tempfile.mkdtemp())
copy = scratch / "a project"


def copy_project():
    """Copies all that is needed, and of what was built, one variant."""
    def left_out(folder, names):
        if pathlib.Path(folder) == PROJECT / "build":
            return set(names) - {"release"}
        return set(names) & {".git", ".cache", "workshop", "node_modules", "__pycache__"}

    shutil.copytree(PROJECT, copy, symlinks=True, ignore=left_out)


def run(command, **environment):
    """A command's status and all that it says."""
    done = subprocess.run(command, shell=isinstance(command, str), cwd=copy, timeout=LIMIT_S, text=True,
                          env=os.environ | environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def read_json(name):
    return json.loads((PROJECT / name).read_text())


def filled_in(text):
    return text.replace("${input:lesson}", LESSON).replace("${workspaceFolder}", str(copy))


def may_trace():
    return run("lessons/tools/may-trace.sh")[0] == 0


class Case(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(copy / "workshop", ignore_errors=True)

    def works(self, command, **environment):
        status, said = run(command, **environment)
        self.assertEqual(status, 0, f"{command}\n{said}")
        return said

    def fails(self, command, **environment):
        status, said = run(command, **environment)
        self.assertNotEqual(status, 0, f"{command} ought to fail\n{said}")
        return said

    def is_called_by_people(self, command):
        """Each goal of a make command is one that make help-all tells of."""
        words = shlex.split(command)
        self.assertEqual(words[0], "make", command)
        told = re.findall(r"^  make (\S+)", self.works("make help-all"), re.M)
        for goal in words[1:]:
            if "=" not in goal:
                self.assertIn(goal, told, f"{command}: make help-all knows no target {goal}")


class Container(Case):
    def setUp(self):
        super().setUp()
        self.container = read_json(".devcontainer/devcontainer.json")
        self.build = self.container["build"]
        self.dockerfile = (PROJECT / ".devcontainer" / self.build["dockerfile"]).read_text()

    def steps(self, name):
        return re.findall(rf"^{name} (.*)", self.dockerfile.replace("\\\n", ""), re.M)

    def test_packages_come_from_the_makefile(self):
        steps = " ".join(self.steps("RUN"))
        self.assertRegex(steps, r"\bmake -C /tmp/course workshop-deps$")
        self.assertEqual(self.steps("COPY"), ["Makefile /tmp/course/"])
        self.assertTrue((PROJECT / ".devcontainer" / self.build["context"] / "Makefile").is_file())
        self.assertEqual(re.findall(r"install -y --no-install-recommends ([^&]*) +&&", steps),
                         ["make git ca-certificates sudo"],
                         "what the lessons need is not listed twice: it is in the Makefile")
        self.assertIn(f"--shell /bin/bash {self.container['remoteUser']} ", steps)

    def test_the_makefile_alone_tells_what_to_install(self):
        alone = scratch / "alone"
        alone.mkdir()
        shutil.copy(PROJECT / "Makefile", alone)
        said = self.works(["make", "-n", "-C", str(alone), "workshop-deps"])
        self.assertRegex(said, r"install -y --no-install-recommends gcc .*\bgdb\b")

    def test_port_and_target(self):
        self.works("make")
        port = re.search(r"--port N .*\((\d+)\)", self.works("./server --help"))[1]
        self.assertEqual(list(self.container["portsAttributes"]), [port], "the server's own port")
        self.is_called_by_people(self.container["postCreateCommand"])

    def test_doctor_asks_for_no_browser_there(self):
        for variable in ("CODESPACES", "REMOTE_CONTAINERS"):
            self.assertRegex(run("make doctor", **{variable: "true"})[1], r"(?m)^browser +ok +yours: ")

    def test_extensions_are_those_that_are_recommended(self):
        self.assertEqual(self.container["customizations"]["vscode"]["extensions"],
                         read_json(".vscode/extensions.json")["recommendations"])


class Tasks(Case):
    def test_tasks(self):
        tasks = read_json(".vscode/tasks.json")["tasks"]
        labels = [task["label"] for task in tasks]
        self.assertEqual(len(labels), len(set(labels)), "two tasks have the same label")
        for task in tasks:
            with self.subTest(task["label"]):
                command = filled_in(task["command"])
                self.assertNotIn("${", command)
                self.is_called_by_people(command)
                self.assertIn(task["problemMatcher"], ["$gcc", []])
                if command in NOT_RUN:
                    self.works(command.replace("make", "make -n", 1))
                elif command.startswith("make check"):
                    self.works(command + " WORKSHOP=")  # in workshop/ nothing is written yet
                elif "debug LESSON" not in command or may_trace():
                    self.works(command)

    def test_every_lesson_with_a_check_can_be_chosen(self):
        chosen = read_json(".vscode/tasks.json")["inputs"][0]["options"]
        tours = sorted(int(tour.parent.name[:2]) for tour in PROJECT.glob("lessons/*/tour.gdb"))
        self.assertEqual(chosen, [str(lesson) for lesson in tours])


class Gdb:
    """gdb as an editor talks to it: a command a line, an answer that begins with "^"."""

    def __init__(self, program, environment):
        self.process = subprocess.Popen(["gdb", "-nx", "--interpreter=mi", program], cwd=copy,
                                        text=True, env=os.environ | environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.timer = threading.Timer(LIMIT_S, os.killpg, (self.process.pid, signal.SIGKILL))
        self.timer.start()

    def wait_for(self, beginning):
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith((beginning, "^error")):
                return line
        raise AssertionError(f"gdb ended before it said {beginning}:\n{''.join(said)}")

    def ask(self, command, answer="^"):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.wait_for(answer)

    def end(self):
        self.process.stdin.close()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()
        self.timer.cancel()


class Launch(Case):
    def launch(self, configuration, environment):
        """Starts a configuration, and returns how many arguments main got."""
        gdb = Gdb(filled_in(configuration["program"]), environment)
        self.addCleanup(gdb.end)
        for command in configuration["setupCommands"]:
            answer = gdb.ask(command["text"])
            if not command.get("ignoreFailures"):
                self.assertTrue(answer.startswith("^done"), f"{command['text']}: {answer}")
        gdb.ask("-exec-arguments " + " ".join(configuration["args"]))
        gdb.ask("-break-insert main")
        stopped = gdb.ask("-exec-run", "*stopped")
        self.assertRegex(stopped, 'reason="breakpoint-hit".*func="main"')
        return int(re.search(r'value="(\d+)"', gdb.ask("-data-evaluate-expression argc"))[1])

    @unittest.skipUnless(shutil.which("gdb"), "there is no gdb")
    def test_configurations(self):
        if not may_trace():
            self.skipTest("gdb may not trace here")
        tasks = {task["label"]: task["command"] for task in read_json(".vscode/tasks.json")["tasks"]}
        self.works("make workshop")
        for configuration in read_json(".vscode/launch.json")["configurations"]:
            with self.subTest(configuration["name"]):
                program = pathlib.Path(filled_in(configuration["program"]))
                program.unlink(missing_ok=True)
                self.works(tasks[configuration["preLaunchTask"]])
                self.assertTrue(os.access(program, os.X_OK), f"the task does not build {program}")
                self.assertEqual(configuration["args"][:2], ["--timeout", "0"], "as the tours have it")
                count = 1 + len(configuration["args"])
                self.assertEqual(self.launch(configuration, {}), count)
                self.assertEqual(self.launch(configuration, {"CODESPACE_NAME": "fox"}), count + 6)


class Commands(Case):
    def entries(self):
        self.works("make compile_commands.json")
        entries = json.loads((copy / "compile_commands.json").read_text())
        for entry in entries:
            self.assertEqual(entry["directory"], str(copy))
        return {entry["file"]: entry for entry in entries}

    def test_the_flags_are_those_of_the_build(self):
        entry = self.entries()["server.c"]
        (copy / "build/release/server.o").unlink(missing_ok=True)
        built = self.works("make V=1")
        self.assertIn("\n" + entry["command"] + " ||", "\n" + built)
        self.works(entry["command"] + " -fsyntax-only -Werror")

    def test_all_that_is_checked_is_there(self):
        checked = re.search(r"^clang-tidy .*", self.works("make -n lint"), re.M)[0]
        files = {word for word in checked.split() if word.endswith(".c")}
        self.assertLess({"server.c", "tests/harness/harness.c", "lessons/tools/todo.c"}, files)
        self.assertEqual(files - set(self.entries()), set())

    def test_workshop(self):
        self.works("make workshop LESSON=7")
        entries = self.entries()
        self.assertIn("workshop/server.c", list(entries))
        for name in ["server"] + [header.stem for header in PROJECT.glob("*.h")]:
            arguments = entries[f"workshop/{name}.c"]["arguments"]
            self.works(arguments + ["-fsyntax-only", "-Werror"])
        shutil.rmtree(copy / "workshop")
        self.assertNotIn("workshop/server.c", list(self.entries()))

    def test_it_is_left_alone_where_nothing_has_changed(self):
        self.entries()
        before = (copy / "compile_commands.json").stat().st_mtime_ns
        self.entries()
        self.assertEqual((copy / "compile_commands.json").stat().st_mtime_ns, before)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Server:
    """A server that a make command starts; "with" ends it."""

    def __init__(self, command, port, environment):
        self.port = port
        self.process = subprocess.Popen([*command, f"ARGS=--port {port}"], cwd=copy, text=True,
                                        env=os.environ | environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.timer = threading.Timer(LIMIT_S, os.killpg, (self.process.pid, signal.SIGKILL))
        self.timer.start()
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("listening on"):
                return
        self.timer.cancel()
        self.process.wait(LIMIT_S)
        raise AssertionError(f"{command} did not begin to listen:\n{''.join(said)}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(LIMIT_S)
        self.process.stdout.close()
        self.timer.cancel()

    def status(self, host, origin):
        """The status of the response to a handshake."""
        request = (f"GET /echo HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(request.encode())
            return int(client.recv(64).split()[1])


class Origins(Case):
    """The page in GitHub Codespaces: what the server makes of the addresses under which it is seen."""

    def check(self, command, environment, domain):
        port = free_port()
        named, local = f"fox-7-{port}.{domain}", f"localhost:{port}"
        with Server(command, port, environment) as server:
            for host in (named, local):
                for origin in (f"https://{named}", f"http://{local}", f"https://{local}"):
                    self.assertEqual(server.status(host, origin), 101, f"Host: {host}, Origin: {origin}")
                for origin in (f"https://fox-8-{port}.{domain}", "https://evil.example", "null"):
                    self.assertEqual(server.status(host, origin), 403, f"Host: {host}, Origin: {origin}")

    def test_run(self):
        self.check(["make", "run"], {"CODESPACE_NAME": "fox-7"}, "app.github.dev")

    def test_mine(self):
        self.works("make workshop LESSON=9")
        self.works("make mine ARGS=--version")  # built, before a port is looked for
        domain = {"GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "port.example"}
        self.check(["make", "mine"], domain | {"CODESPACE_NAME": "fox-7"}, "port.example")

    def test_port_in_all_its_forms(self):
        for words in ("--port 9000", "--port=9000", "--po=9000 --wire", "-p 9000", "-w -p9000", "-wp 9000", "-vwp9000"):
            said = self.works(f"lessons/tools/forwarded.sh echo {words}", CODESPACE_NAME="fox")
            self.assertEqual(said, f"{words} --origin https://fox-9000.app.github.dev --origin "
                                   "http://localhost:9000 --origin https://localhost:9000\n")

    def test_elsewhere_nothing_is_added(self):
        self.assertRegex(self.works("make -n run"), r"(?m)^ *\./server --wire *$")
        port = free_port()
        with Server(["make", "run"], port, {}) as server:
            self.assertEqual(server.status(f"localhost:{port}", f"http://localhost:{port}"), 101)
            self.assertEqual(server.status(f"localhost:{port}", f"https://localhost:{port}"), 403)


class Missing(Case):
    """What is said if something is not installed."""

    def without(self, header, compiler):
        """A compiler that sees all headers but one."""
        farm = pathlib.Path(tempfile.mkdtemp(dir=scratch))
        for entry in pathlib.Path("/usr/include").iterdir():
            if entry.name != header:
                (farm / entry.name).symlink_to(entry)
        own = run([compiler, "-print-file-name=include"])[1].strip()
        system = "/usr/include/" + run(["cc", "-print-multiarch"])[1].strip()
        return f"{compiler} -nostdinc -isystem {own} -isystem {farm} -isystem {system}"

    def check(self, header, target, words):
        for compiler in filter(shutil.which, ("gcc", "clang")):
            build = tempfile.mkdtemp(dir=scratch)
            hidden = self.without(header, compiler)
            said = self.fails(["make", f"CC={hidden}", f"BUILD={build}", build + target])
            self.assertIn(words, said.splitlines(), f"{compiler} without {header}:\n{said}")

    def test_libraries(self):
        self.check("sha1.h", "/handshake.o",
                   "<sha1.h> is missing: Debian's package libmd-dev has it. Please run: make deps")
        self.check("b64", "/handshake.o",
                   "<b64/cencode.h> is missing: Debian's package libb64-dev has it."
                   " Please run: make deps")
        self.check("CUnit", "/tests/harness/harness.o",
                   "<CUnit/Basic.h> is missing: Debian's package libcunit1-dev has it."
                   " Please run: make workshop-deps")

    def test_compiler(self):
        said = self.fails(["make", "CC=no-compiler", f"BUILD={scratch}/none"])
        self.assertIn("The compiler (no-compiler) is missing: Debian's package gcc has it."
                      " Please run: make deps", said.splitlines())

    def test_another_mistake_is_not_explained(self):
        source = copy / "wire.c"
        text = source.read_text()
        self.addCleanup(source.write_text, text)
        source.write_text(text + "#include <nonsense.h>\n")
        said = self.fails(["make", f"BUILD={scratch}/wrong", f"{scratch}/wrong/wire.o"])
        self.assertNotIn("missing:", said)

    def test_no_apt(self):
        programs = scratch / "programs"
        programs.mkdir()
        for folder in os.environ["PATH"].split(":"):
            for program in pathlib.Path(folder).glob("*"):
                if not program.name.startswith("apt") and not (programs / program.name).is_symlink():
                    (programs / program.name).symlink_to(program)
        some = {"deps": "gcc libb64-dev", "workshop-deps": "libmd-dev gdb",
                "test-deps": "gdb clang chromium", "bench-deps": "gdb clang libboost-dev"}
        for target, packages in some.items():
            said = self.fails(["make", target], PATH=str(programs))
            self.assertIn("Elsewhere the names differ", said)
            for package in packages.split():
                self.assertIn(f" {package} ", said.replace("\n", " "), target)


if __name__ == "__main__":
    for variable in NOT_OURS:
        os.environ.pop(variable, None)
    try:
        copy_project()
        outcome = unittest.main(exit=False).result
    finally:
        shutil.rmtree(scratch)
    # Of a test with parts, each part that fails is listed.
    wrong = len({getattr(test, "test_case", test) for test, _ in outcome.failures + outcome.errors})
    print(f"{outcome.testsRun - wrong - len(outcome.skipped)} passed, {wrong} failed")
    sys.exit(wrong > 0)
