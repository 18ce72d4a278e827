"""What the tests in Python share: the server, started and stopped again; deadlines; what is sent."""

import asyncio
import atexit
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

DEADLINE = 10  # seconds, for every wait

PROGRAM = os.path.abspath(
    os.environ.get("SERVER") or pathlib.Path(__file__).resolve().parents[2] / "server"
)

# What the sanitizers print when they have found something.
SANITIZER_REPORT = re.compile(
    "ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer"
)


class Server:
    """The server, on a port that the system chooses."""

    running = set()

    def __init__(self, *options):
        # A file, not a pipe: it takes any amount without being read.
        self.stderr = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            [PROGRAM, "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
        )
        Server.running.add(self.process)
        # Ending the server ends the wait for its line, too.
        deadline = threading.Timer(DEADLINE, self.process.kill)
        deadline.start()
        line = self.process.stdout.readline()
        deadline.cancel()
        ready = re.fullmatch(r"listening on http://(127\.0\.0\.1:\d+)/\n", line)
        if not ready:
            self.kill()
            raise self.failure(
                f'expected the line "listening on http://127.0.0.1:PORT/" '
                f"within {DEADLINE} s, got {line!r}"
            )
        self.origin = f"http://{ready[1]}"
        self.url = f"ws://{ready[1]}/"
        self.echo = f"ws://{ready[1]}/echo"

    def stop(self):
        if self.process.poll() is not None:
            raise self.failure(
                f"it ended by itself, with exit code {self.process.returncode}, "
                f"before the test stopped it"
            )
        self.process.terminate()
        try:
            self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure(f"expected it to end within {DEADLINE} s after SIGTERM")
        Server.running.discard(self.process)
        code = self.process.returncode
        if code != 0:
            raise self.failure(f"expected exit code 0 after SIGTERM, got {code}")
        if SANITIZER_REPORT.search(self.read_stderr()):
            raise self.failure("a sanitizer reported an error")
        self.stderr.close()

    def kill(self):
        self.process.kill()
        self.process.communicate()
        Server.running.discard(self.process)

    def read_stderr(self):
        self.stderr.seek(0)
        return self.stderr.read()

    def failure(self, what):
        error = AssertionError(f"{PROGRAM}: {what}\nIts stderr:\n{self.read_stderr()}")
        self.stderr.close()
        return error


# A run that is interrupted must not leave its server running.
@atexit.register
def kill_all():
    for process in Server.running:
        process.kill()


def on_sigterm(number, frame):
    kill_all()
    os._exit(128 + number)


signal.signal(signal.SIGTERM, on_sigterm)


async def within_deadline(awaitable, what):
    try:
        return await asyncio.wait_for(awaitable, DEADLINE)
    except asyncio.TimeoutError:
        raise AssertionError(f"expected {what} within {DEADLINE} s") from None


def text(length):
    """Text of that many bytes, with characters of one to four bytes."""
    return "aé€😀" * (length // 10) + "x" * (length % 10)


def data(length):
    """Bytes in which a mask applied at the wrong place would show."""
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(length))
