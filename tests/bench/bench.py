#!/usr/bin/python3
"""Measures this server beside a plain TCP echo and beside other WebSocket servers.

    make bench-deps bench                                   (all of it)
    tests/bench/bench.py --only "this server:a,b"           (some of it; after make bench)

In every round each server meets each kind of traffic once, in an order that is shuffled anew. A
server runs alone on one core, the load generator (load.c) on another. A speed counts as a part of
what the plain TCP echo reached in the same round, and of these parts the median is told: what
slows the machine down for a while slows both.

It writes tests/bench/results.md, its plot results.svg, and every single figure to
FOLDER/results.json. With --only, no more than these servers and kinds of traffic are run, and
nothing is written.
"""
import argparse
import json
import os
import pathlib
import platform
import random
import re
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
READY_S = 20  # seconds in which a server must say that it listens
RUN_S = 180  # and one measurement must end, 10 000 connections of a slow server included
CROWD_S = 4  # seconds at least to measure 10 000 clients, whose slowest answer may take some itself
CORES = sorted(os.sched_getaffinity(0))[:2]  # for the server, and for the load
OURS, RAW, LARGE_RAW = "this server", "plain TCP", "plain TCP, 256 KiB"

# What is measured: a name, the words for it, and what load.c is told.
TRAFFIC = {
    "a": ("1 client, 64 bytes", "--connections 1 --bytes 64"),
    "b": ("50 clients, 64 bytes", "--connections 50 --bytes 64"),
    "c": ("50 clients, 64 bytes, 16 messages in flight each",
          "--connections 50 --bytes 64 --in-flight 16"),
    "d": ("1000 clients, 64 bytes", "--connections 1000 --bytes 64"),
    "e": ("10 clients, 64 KiB", "--connections 10 --bytes 65536"),
    "f": ("2 clients, 4 MiB", "--connections 2 --bytes 4194304"),
    "g": ("10 clients, 64 KiB of text", "--connections 10 --bytes 65536 --text"),
    "h": ("4 clients, 64 bytes, 200 messages in flight each",
          "--connections 4 --bytes 64 --in-flight 200"),
    "10": ("10 clients, 64 bytes", "--connections 10 --bytes 64"),
    "100": ("100 clients, 64 bytes", "--connections 100 --bytes 64"),
    "10000": ("10000 clients, 64 bytes", "--connections 10000 --bytes 64"),
}
KINDS = "abcdefgh"
SCALE = {1: "a", 10: "10", 100: "100", 1000: "d", 10000: "10000"}


def servers(program, folder):
    """Each server's name and its command."""
    peers = HERE / "peers"
    return {
        RAW: [f"{folder}/raw", str(16 << 10)],  # the same buffer as this server's
        LARGE_RAW: [f"{folder}/raw", str(256 << 10)],
        OURS: [program, "--port", "0", "--max-connections", "12000", "--max-message",
               str(64 << 20)],
        "Boost.Beast": [f"{folder}/beast"],
        "libwebsockets": [f"{folder}/libwebsockets"],
        "ws": ["node", str(peers / "ws.mjs")],
        "websockets": ["/usr/bin/python3", str(peers / "python_websockets.py")],
    }


def start(command, core):
    """Starts a server on a core. Answers its process and its port."""
    server = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=subprocess.PIPE)
    said = b""
    while select.select([server.stdout], [], [], READY_S)[0]:
        more = os.read(server.stdout.fileno(), 1000)
        said += more
        found = re.search(rb":(\d+)/\n", said)
        if found:
            return server, int(found[1])
        if not more:
            break
    stop(server)
    sys.exit(f"bench: {command[0]} did not say where it listens, but: {said.decode()!r}")


def stop(server):
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        server.wait(7)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def run(folder, name, command, traffic, seconds):
    """One measurement: a new server, the load, and what load.c says of it."""
    server, port = start(command, CORES[0])
    try:
        if traffic == "10000":
            seconds = max(seconds, CROWD_S)
        load = ["taskset", "-c", str(CORES[1]), f"{folder}/load", "--port", str(port), "--server-pid",
                str(server.pid), "--seconds", str(seconds), *TRAFFIC[traffic][1].split()]
        done = subprocess.run(load + (["--raw"] if name in (RAW, LARGE_RAW) else []), stdout=subprocess.PIPE,
                              text=True, timeout=RUN_S, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {name}, {TRAFFIC[traffic][0]}: the run failed")
        return json.loads(done.stdout)
    finally:
        stop(server)


class Progress:
    """A line on a terminal that says how far it is; elsewhere a line for each round."""

    def __init__(self, total):
        self.total, self.count, self.begun = total, 0, time.monotonic()

    def tell(self, words):
        spent = time.monotonic() - self.begun
        left = spent / self.count * (self.total - self.count) if self.count else 0
        self.count += 1
        line = f"{self.count} of {self.total}, {left / 60:.0f} min left: {words}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif self.count % 20 == 1:
            print(line, file=sys.stderr, flush=True)

    def end(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def measure(folder, chosen, kinds, rounds, seconds):
    """All measurements: results[server][traffic] is a list with one entry a round."""
    results = {name: {kind: [] for kind in kinds} for name in chosen}
    progress = Progress(rounds * len(kinds) * len(chosen))
    order = random.Random(6455)
    for round_number in range(rounds):
        for kind in kinds:
            for name in order.sample(list(chosen), len(chosen)):
                progress.tell(f"round {round_number + 1}, {name}, {TRAFFIC[kind][0]}")
                results[name][kind].append(run(folder, name, chosen[name], kind, seconds))
    progress.end()
    return results


def median(results, name, kind, field):
    return statistics.median(r[field] for r in results[name][kind])


def ratios(results, name, kind):
    """The speed in each round, as a part of plain TCP's in the same round."""
    return [mine["per_second"] / plain["per_second"]
            for mine, plain in zip(results[name][kind], results[RAW][kind])]


def held_back(results, name, kind):
    """Whether the load generator was what limited the speed, in most rounds."""
    return 2 * sum(r["limit"] == "load" for r in results[name][kind]) > len(results[name][kind])


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def speed_table(results, kinds, names):
    def cell(name, kind):
        parts = ratios(results, name, kind)
        star = "*" if held_back(results, name, kind) else ""
        return f"{statistics.median(parts):.2f}{star} ({min(parts):.2f}–{max(parts):.2f})"

    def plain(kind):
        star = "*" if held_back(results, RAW, kind) else ""
        return f"{median(results, RAW, kind, 'per_second'):,.0f}{star}"

    head = ["traffic", f"{RAW}, messages a second", *names]
    return table(head, [[TRAFFIC[k][0], plain(k), *(cell(n, k) for n in names)] for k in kinds])


def cpu_table(results, kinds, names):
    """Processor time of the server for one message: it counts also where the speed is held back."""
    def cell(name, kind):
        return f"{statistics.median(1e6 * r['server_busy'] / r['per_second'] for r in results[name][kind]):.2f}"

    return table(["microseconds for a message", *names],
                 [[TRAFFIC[k][0], *(cell(n, k) for n in names)] for k in kinds])


def scale_table(results, names):
    def cell(name, kind):
        speed = median(results, name, kind, "per_second")
        slow = median(results, name, kind, "p99_us")
        return f"{speed:,.0f} ({slow / 1000:,.1f} ms)"

    def idle(name):
        return f"{median(results, name, '10000', 'idle_kib'):.1f} KiB"

    rows = [[f"{count:,}", *(cell(n, kind) for n in names)] for count, kind in SCALE.items()]
    return table(["clients", *names], rows + [["memory of an idle client", *(idle(n) for n in names)]])


def version_of(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "?"


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def peer_versions():
    package = json.loads((ROOT / "tests/node_modules/ws/package.json").read_text())
    debian = {n: version_of(["dpkg-query", "-W", "-f", "${Version}", p]) for n, p in
              {"Boost": "libboost-dev", "libwebsockets": "libwebsockets-dev",
               "websockets": "python3-websockets"}.items()}
    return ", ".join([f"ws {package['version']} on Node.js {version_of(['node', '--version'])}",
                      *(f"{name} {version}" for name, version in debian.items())])


def report(results, rounds, seconds, peers):
    names = [n for n in results if n != RAW]
    return f"""# How fast, how many

Written by `make bench` on {time.strftime("%Y-%m-%d")}: {rounds} rounds of {seconds:g} s each. {machine()};
the server on one core, the load generator on the other, loopback. {peers}.

![Left, the speed of each server as a part of plain TCP's, for eight kinds of traffic; right, messages a second for 1 to 10,000 clients](results.svg)

## Speed

A plain TCP echo with a thread for each client does the least that a server of this shape can do. Its
speed is told in messages a second; the others as a part of that: the median of the rounds, with the
lowest and the highest. It receives into 16 KiB, as this server does at first; of a large message this
server then receives up to 128 KiB at once, and so it can be faster. With 256 KiB the plain echo is faster
again, for it sends a part back while the next is on its way, from memory that is in the processor's
cache; a WebSocket echo has to wait for the whole message. Boost.Beast has a thread for each client too,
the last three have an event loop.

{speed_table(results, KINDS, names)}

\\* The load generator had no time left, but the server had: more might have been possible.

## What a message costs

Processor time of the server, which counts also where the load generator was the limit.

{cpu_table(results, KINDS, [RAW, *names])}

## As it grows

Messages of 64 bytes, one in flight for each client: how many a second, and within how many milliseconds
99 of 100 came back. The memory is what the process grew by (RSS) with 10,000 clients, after the
handshake and one message of 64 bytes.

{scale_table(results, [RAW, *names])}
"""


def plot(results, path):
    import matplotlib  # here, so that a run with --only does without
    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.family": "sans-serif", "font.size": 10, "svg.fonttype": "none",
                            "svg.hashsalt": "results", "axes.spines.top": False,
                            "axes.spines.right": False})
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5), width_ratios=(1.15, 1))
    marks = dict(zip([n for n in results if n not in (RAW, LARGE_RAW)],
                     [("#0b6bcb", "o"), ("#c2410c", "s"), ("#15803d", "^"), ("#7e22ce", "D"),
                      ("#57534e", "v")]))
    for name, (colour, mark) in marks.items():
        speeds = [statistics.median(ratios(results, name, k)) for k in KINDS]
        left.plot(speeds, range(len(KINDS)), mark, color=colour, label=name,
                  markersize=9 if name == OURS else 6, zorder=3 if name == OURS else 2)
        right.plot(list(SCALE), [median(results, name, k, "per_second") for k in SCALE.values()],
                   "-" + mark, color=colour, label=name, linewidth=2.5 if name == OURS else 1.2)
    right.plot(list(SCALE), [median(results, RAW, k, "per_second") for k in SCALE.values()], "--",
               color="#888888", label=RAW)
    left.axvline(1, color="#888888", linestyle="--", zorder=1)
    left.set_xscale("log")
    left.set_xticks([.01, .03, .1, .3, 1, 3], [".01", ".03", ".1", ".3", "1", "3"])
    left.minorticks_off()
    left.set_yticks(range(len(KINDS)), [TRAFFIC[k][0].replace(", 16", ",\n16").replace(", 200", ",\n200")
                                        for k in KINDS])
    left.invert_yaxis()
    left.grid(axis="x", color="#dddddd")
    left.set_title("Speed, as a part of plain TCP's (dashed)", loc="left", fontsize=11)
    right.set_xscale("log")
    right.set_ylim(bottom=0)
    right.set_xticks(list(SCALE), [f"{n:,}" for n in SCALE])
    right.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    right.grid(axis="y", color="#dddddd")
    right.set_title("Messages a second, by number of clients", loc="left", fontsize=11)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, .06, 1, 1))
    figure.savefig(path, metadata={"Date": None})


def parse():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--server", default="./server", help="the program that this project makes")
    options.add_argument("--folder", default="build/bench", help="where load, raw and the peers are")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--seconds", type=float, default=.5)
    options.add_argument("--only", help=f"for example '{OURS}:a,b' or ':d'; {RAW} is always measured")
    return options.parse_args()


def main():
    options = parse()
    chosen, kinds = servers(options.server, options.folder), list(TRAFFIC)
    if len(CORES) < 2 or not shutil.which("taskset"):
        sys.exit("bench: two cores and taskset are needed, to keep server and load apart")
    if options.only is not None:
        named, _, letters = options.only.partition(":")
        chosen = {n: s for n, s in chosen.items() if n == RAW or not named or n in named.split(",")}
        kinds = letters.split(",") if letters else kinds
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if "10000" in kinds and allowed < 10100:
        sys.exit(f"bench: 10 000 clients need as many descriptors, but {allowed} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    results = measure(options.folder, chosen, kinds, options.rounds, options.seconds)
    if options.only is not None:
        names = [n for n in chosen if n != RAW]
        print(speed_table(results, kinds, names), cpu_table(results, kinds, [RAW, *names]), sep="\n\n")
        return
    pathlib.Path(options.folder, "results.json").write_text(json.dumps(results))
    (HERE / "results.md").write_text(report(results, options.rounds, options.seconds, peer_versions()))
    plot(results, HERE / "results.svg")
    print(speed_table(results, KINDS, [n for n in results if n != RAW]),
          "All of it: tests/bench/results.md", sep="\n\n")


if __name__ == "__main__":
    main()
