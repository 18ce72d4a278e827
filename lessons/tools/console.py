"""console.py - runs a page's console blocks as they are written, and compares what they print

A command is a line that begins with "$ "; lines that begin with "> " go on with it. What follows is
its output: a … inside a line stands for anything, a line of … alone for any lines. Port 8080, and the
others in PORTS, stand for free ones. `<!-- terminal: NAME -->` above a block: its last command is left
running in that terminal, until the page's next block of the same terminal or its end; a block there
without a command shows what the running one prints next.
"""
import os
import pathlib
import random
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time

PORTS = ("8080", "8081", "8082", "8443", "9000")
COMMAND_S = 90  # a command may take so long
SHOWN_S = 15  # what a running command has to show must come within
STOP_S = 8  # a server may take so long to stop, with clients that do not answer

NOT_FOR_SCRIPTS = re.compile(
    r"(^|[|;&( ])(sudo|apt-get|apt|gdb|vi|nano)\b|make (watch|debug(?!.*CLIENT)|deps|test-deps)"
)


# A server at the beginning of a command, behind settings or a program that starts it, without a port.
SERVER = re.compile(
    r"(?:^|[;&|(\n])\s*(?:\w+=\S+\s+)*(?:(?:strace|timeout|nice|env|stdbuf)\s[^;&|\n]*?)?"
    r"(?:\./|\w[\w.]*/)[\w./]*server(?=\s|$)(?![^;&|\n]*--(?:port|help|version)\b)"
)


def free_port():
    """A port of four digits, as 8080 is, so that tables keep their columns."""
    for _ in range(200):
        with socket.socket() as trial:
            port = random.randrange(2000, 9990)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            if str(port) not in PORTS:
                return str(port)
    raise OSError("there is no free port of four digits")


def pattern(lines):
    """The regular expression for the output that a block shows."""
    parts = []
    for line in lines:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(".*?".join(re.escape(p) for p in line.rstrip().split("…")) + r" *\n")
    return "".join(parts)


def first_difference(wanted, got):
    """Which line of the shown output could not be found, and what came in its place."""
    for count in range(1, len(wanted) + 1):
        if not re.match(pattern(wanted[:count]), got):
            before = re.match(pattern(wanted[: count - 1]), got)
            rest = got[before.end() :].split("\n") if before else [""]
            return count - 1, wanted[count - 1], rest[0] if rest != [""] else "(nothing more)"
    used = re.match(pattern(wanted), got)
    extra = got[used.end() :].split("\n")[0] if used else ""
    return max(len(wanted) - 1, 0), "(nothing more)", extra


def unfinished(command):
    """Whether a shell would ask for another line."""
    return command.endswith("\\") or "<<" in command or command.count("'") % 2


def commands(block):
    """A block's commands: [(number of the line, command, lines of output)]."""
    found, goes_on = [], False
    for number, line in enumerate(block.lines, block.first):
        if line.startswith("$ "):
            found.append((number, line[2:], []))
            goes_on = unfinished(found[-1][1])
        elif goes_on and line.startswith("> "):
            found[-1] = (found[-1][0], found[-1][1] + "\n" + line[2:], [])
            goes_on = unfinished(found[-1][1])
        elif not found:
            found.append((number, None, [line]))
        else:
            goes_on = False
            found[-1][2].append(line)
    return found


class Running:
    """A command that was started: in a group of processes of its own, its output in a file."""

    def __init__(self, command, folder, environment):
        self.out = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # a shell ignores Ctrl-C in what it runs in the background, and so would what that starts
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.shown = 0  # so many characters of the output were shown in blocks before

    def output(self):
        size = os.fstat(self.out.fileno()).st_size
        return os.pread(self.out.fileno(), size, 0).decode("utf-8", "replace").replace("\r", "")

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        return True

    def end(self):
        """Ends it as a person would, with Ctrl-C, else surely. Answers whether Ctrl-C was enough."""
        self.signal(signal.SIGINT)
        until = time.monotonic() + STOP_S
        while time.monotonic() < until and self.process.poll() is None:
            time.sleep(0.02)
        willing = self.process.poll() is not None
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.out.close()
        return willing


class Terminals:
    """Where a page's blocks run."""

    def __init__(self, folder, complain):
        self.folder = folder
        self.complain = complain  # complain(number of the line, words)
        self.ports = {}
        self.running = {}  # name of a terminal: what runs there
        self.kept = []  # commands that have left something in the background
        self.where = pathlib.Path(folder)
        self.environment = {
            k: v
            for k, v in os.environ.items()
            if not re.match(r"MAKE|MFLAGS|GNUMAKE|BUILD$|SERVER$|WORKSHOP$|LESSON$|CC$|CFLAGS$", k)
        }
        self.environment |= {"LC_ALL": "C.UTF-8", "TERM": "dumb", "TZ": "UTC", "COLUMNS": "100"}

    def port(self, written):
        if written not in self.ports:
            self.ports[written] = free_port()
        return self.ports[written]

    def prepared(self, command):
        """The command with free ports; a server that is started without a port gets one."""
        command = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda m: self.port(m[1]), command)
        port = self.port("8080")
        command = SERVER.sub(rf"\g<0> --port {port}", command)
        if re.search(r"\bmake\b[^;&|\n]*\brun\b", command) and "--port" not in command:
            if re.search(r"ARGS=([\"'])", command):
                command = re.sub(r"ARGS=([\"'])", rf"ARGS=\1--port {port} ", command)
            else:
                command = re.sub(r"(\bmake\b[^;&|\n]*\brun\b)", rf'\1 ARGS="--port {port}"', command)
        return command

    def as_written(self, text):
        for written, port in self.ports.items():
            text = re.sub(rf"\b{port}\b", written, text)
        return text

    def run(self, block):
        """Runs one block."""
        name = block.remark[1] if block.remark and block.remark[0] == "terminal" else None
        steps = commands(block)
        if name and steps and steps[0][1] is not None and name in self.running:
            self.end(name, steps[0][0])
        for number, command, wanted in steps:
            if command is None:
                self.goes_on(name, number, wanted)
            elif NOT_FOR_SCRIPTS.search(command):
                self.complain(
                    number, f"no script can run `{command}`: put it into a text block, without the $"
                )
            elif name and number == steps[-1][0]:
                self.leave_running(name, number, command, wanted)
            else:
                self.run_to_end(number, command, wanted)

    def start(self, command):
        note = shlex.quote(f"pwd >{shlex.quote(str(self.where_file()))}")
        whole = f"trap {note} EXIT\n{self.prepared(command)}"
        return Running(whole, self.where, self.environment)

    def where_file(self):
        return pathlib.Path(self.folder).parent / "where"

    def run_to_end(self, number, command, wanted):
        running = self.start(command)
        try:
            status = running.process.wait(COMMAND_S)
        except subprocess.TimeoutExpired:
            running.end()
            self.complain(number, f"`{command}` was not over within {COMMAND_S} seconds")
            return
        except BaseException:  # the check itself is to end, and its signal has not reached this session
            running.end()
            raise
        if self.where_file().exists():
            self.where = pathlib.Path(self.where_file().read_text().strip())
        got = self.as_written(running.output())
        if running.signal(0):
            self.kept.append(running)
        else:
            running.out.close()
        self.compare(number, command, wanted, got)
        if status != 0 and not any(line.strip(" …") for line in wanted):
            self.complain(number, f"`{command}` has failed, with status {status}: {got.strip()[-300:]}")

    def compare(self, number, command, wanted, got):
        got = "\n".join(line.rstrip() for line in got.rstrip().split("\n")) + "\n" if got.strip() else ""
        while wanted and not wanted[-1].strip():
            wanted = wanted[:-1]
        if re.fullmatch(pattern(wanted), got):
            return
        index, shown, came = first_difference(wanted, got)
        self.complain(
            number + 1 + index,
            f"`{command}` prints something else\n    shown:   {shown}\n    printed: {came}",
        )

    def leave_running(self, name, number, command, wanted):
        running = Running(self.prepared(command), self.where, self.environment)
        self.running[name] = running
        self.await_output(running, number, command, wanted)

    def goes_on(self, name, number, wanted):
        if name not in self.running:
            self.complain(number, "a console block begins with a command: `$ …`")
            return
        self.await_output(self.running[name], number - 1, f"terminal {name}", wanted)

    def await_output(self, running, number, command, wanted):
        until = time.monotonic() + SHOWN_S
        ended = False
        while True:
            got = self.as_written(running.output())[running.shown :]
            found = re.match(pattern(wanted), got)
            if found or ended or time.monotonic() > until:
                break
            ended = running.process.poll() is not None  # then look once more
            time.sleep(0.02)
        if found:
            running.shown += found.end()
            return
        index, shown, came = first_difference(wanted, got)
        self.complain(
            number + 1 + index,
            f"`{command}` has "
            + ("ended" if ended else "not shown it in time")
            + f"\n    shown:   {shown}\n    printed: {came}",
        )

    def end(self, name, number):
        if not self.running.pop(name).end():
            self.complain(
                number, f"what ran in terminal {name} does not end with Ctrl-C within {STOP_S} seconds"
            )

    def end_all(self, number):
        for name in list(self.running):
            self.end(name, number)
        for running in self.kept:
            running.signal(signal.SIGKILL)
            running.out.close()
