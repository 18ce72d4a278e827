#!/usr/bin/python3
"""Measures this server beside a plain TCP echo and beside other WebSocket servers.

    make bench-deps bench                                   (all three parts)
    make bench-chat                                         (one part: or bench-compress)
    tests/bench/bench.py --only "this server:a,b"           (some of it; after make bench)

There are three parts: echoes (speed), a chat, and compressed echoes. In every round each server of a
part meets each kind of traffic once, in an order that is shuffled anew. A server runs alone on one
core, the load generator (load.c) on another. The speed of one server, the base of the part, is told as
a number; that of the others as a part of what the base reached in the same round, and of these the
median: what slows the machine down for a while slows both.

It writes each part's sections of tests/bench/results.md, the plot results.svg, and every single figure
to FOLDER/PART.json. With --only, no more than these servers and kinds of traffic are run, and nothing
is written.
"""
import argparse
import dataclasses
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
PLAIN = "this server, not compressed"

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
    **{f"room-{n}": (f"{n:,} in the room", f"--chat --connections {n} --bytes 64 --in-flight 16")
       for n in (1, 10, 100, 1000)},
    "json-1": ("1 KiB", "--json --connections 10 --bytes 1024"),
    "json-64": ("64 KiB", "--json --connections 10 --bytes 65536"),
}
KINDS = list("abcdefgh")
SCALE = {1: "a", 10: "10", 100: "100", 1000: "d", 10000: "10000"}


@dataclasses.dataclass
class Part:
    """What is measured together: the servers by name, each with its command and what load.c is told."""
    base: str
    kinds: list
    servers: dict
    unit: str


def parts(program, folder):
    peers = HERE / "peers"
    ours = [program, "--port", "0", "--max-connections", "12000", "--max-message", str(64 << 20)]
    beast, libwebsockets = [f"{folder}/beast"], [f"{folder}/libwebsockets"]
    ws = ["node", str(peers / "ws.mjs")]
    websockets = ["/usr/bin/python3", str(peers / "python_websockets.py")]

    def compressing(command):
        return [*command, "--compress"], ["--compress"]

    return {
        "speed": Part(RAW, KINDS + ["10", "100", "10000"], {
            RAW: ([f"{folder}/raw", str(16 << 10)], ["--raw"]),  # the same buffer as this server's
            LARGE_RAW: ([f"{folder}/raw", str(256 << 10)], ["--raw"]),
            OURS: (ours, []),
            "Boost.Beast": (beast, []),
            "libwebsockets": (libwebsockets, []),
            "ws": (ws, []),
            "websockets": (websockets, []),
        }, "messages a second"),
        "chat": Part(OURS, [f"room-{n}" for n in (1, 10, 100, 1000)], {
            OURS: ([*ours, "--timeout", "60"], []),  # so that those who only listen are not pinged
            "libwebsockets": (libwebsockets, []),
            "ws": (ws, []),
            "websockets": (websockets, []),
        }, "deliveries a second"),
        "compression": Part(OURS, ["json-1", "json-64"], {
            OURS: compressing(ours),
            PLAIN: (ours, []),
            "Boost.Beast": compressing(beast),
            "ws": compressing(ws),
            "websockets": compressing(websockets),
        }, "echoes a second"),
    }


def start(command, core):
    """Starts a server on a core. Returns its process and its port."""
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


def run(folder, name, server, traffic, seconds):
    """One measurement: a new server, the load, and what load.c says of it."""
    command, told = server
    process, port = start(command, CORES[0])
    try:
        if traffic == "10000":
            seconds = max(seconds, CROWD_S)
        load = ["taskset", "-c", str(CORES[1]), f"{folder}/load", "--port", str(port), "--server-pid",
                str(process.pid), "--seconds", str(seconds), *TRAFFIC[traffic][1].split(), *told]
        done = subprocess.run(load, stdout=subprocess.PIPE, text=True, timeout=RUN_S, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {name}, {TRAFFIC[traffic][0]}: the run failed")
        return json.loads(done.stdout)
    finally:
        stop(process)


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


def measure(folder, part, rounds, seconds):
    """All measurements of a part: results[server][traffic] is a list with one entry a round."""
    results = {name: {kind: [] for kind in part.kinds} for name in part.servers}
    progress = Progress(rounds * len(part.kinds) * len(part.servers))
    order = random.Random(6455)
    for round_number in range(rounds):
        for kind in part.kinds:
            for name in order.sample(list(part.servers), len(part.servers)):
                progress.tell(f"round {round_number + 1}, {name}, {TRAFFIC[kind][0]}")
                results[name][kind].append(run(folder, name, part.servers[name], kind, seconds))
    progress.end()
    return results


def median(results, name, kind, field):
    return statistics.median(r[field] for r in results[name][kind])


def ratios(results, base, name, kind):
    """The speed in each round, as a part of the base's in the same round."""
    return [mine["per_second"] / other["per_second"]
            for mine, other in zip(results[name][kind], results[base][kind])]


def held_back(results, name, kind):
    """Whether the load generator was what limited the speed, in most rounds."""
    return 2 * sum(r["limit"] == "load" for r in results[name][kind]) > len(results[name][kind])


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def speed_table(results, part, kinds):
    names = [name for name in results if name != part.base]

    def star(name, kind):
        return "*" if held_back(results, name, kind) else ""

    def cell(name, kind):
        found = ratios(results, part.base, name, kind)
        return f"{statistics.median(found):.2f}{star(name, kind)} ({min(found):.2f}–{max(found):.2f})"

    def base(kind):
        return f"{median(results, part.base, kind, 'per_second'):,.0f}{star(part.base, kind)}"

    return table(["traffic", f"{part.base}, {part.unit}", *names],
                 [[TRAFFIC[k][0], base(k), *(cell(n, k) for n in names)] for k in kinds])


def server_table(head, results, kinds, cell):
    """A column for each server, a row for each kind of traffic."""
    return table([head, *results], [[TRAFFIC[k][0], *(cell(n, k) for n in results)] for k in kinds])


def cpu_table(results, kinds, what="a message"):
    """Processor time of the server for one message: it counts also where the speed is held back."""
    return server_table(f"microseconds for {what}", results, kinds, lambda name, kind: "{:.2f}".format(
        statistics.median(1e6 * r["server_busy"] / r["per_second"] for r in results[name][kind])))


def wire_table(results, kinds):
    return server_table("bytes of an echo", results, kinds,
                        lambda name, kind: f"{median(results, name, kind, 'wire_bytes'):,.0f}")


def latency_table(results, kinds):
    return server_table("99 of 100 within", results, kinds,
                        lambda name, kind: f"{median(results, name, kind, 'p99_us') / 1000:,.1f} ms")


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


def speed_sections(results, part):
    return {"Speed": f"""
![Left, the speed of each server as a part of plain TCP's, for eight kinds of traffic; right, messages a second for 1 to 10,000 clients](results.svg)

A plain TCP echo with a thread for each client does the least that a server of this shape can do. It
receives into 16 KiB, as this server does at first. Of a large message this server then receives all that
has come at once, so it can be faster. With 256 KiB the plain echo is faster again, because it sends a
part back while the next is on its way, from memory that is in the processor's cache; a WebSocket echo
has to wait for the whole message. Boost.Beast has a thread for each client too, the last three have an
event loop.

{speed_table(results, part, KINDS)}
""", "What a message costs": f"""
Processor time of the server, which counts also where the load generator was the limit.

{cpu_table(results, KINDS)}
""", "As it grows": f"""
Messages of 64 bytes, one in flight for each client: how many a second, and within how many milliseconds
99 of 100 came back. The memory is what the process grew by (RSS) with 10,000 clients, after the
handshake and one message of 64 bytes.

{scale_table(results, list(results))}
"""}


def chat_sections(results, part):
    return {"A chat": f"""
One client speaks, and everybody in the room, this client too, gets each message: 64 bytes and a name,
69 bytes on the wire. A message that one client gets is one delivery. At most 16 messages are in flight:
the next one is sent when the last client has the first one. So nobody falls behind, and nothing is
dropped; a delivery that is missing would end the run.

{speed_table(results, part, part.kinds)}

Processor time of the server:

{cpu_table(results, part.kinds, "a delivery")}

From sending a message to its delivery:

{latency_table(results, part.kinds)}
"""}


def compression_sections(results, part):
    return {"Compression": f"""
Ten clients, each with one message in flight: text like JSON, of which every echo is inflated and compared.
All servers were asked for the same: no context takeover, a window of 2^13 bytes, level 6, memory
level 6. The second column is this server without --compress, with the same messages.

{speed_table(results, part, part.kinds)}

{wire_table(results, part.kinds)}

{cpu_table(results, part.kinds, "an echo")}
"""}


SECTIONS = {"speed": speed_sections, "chat": chat_sections, "compression": compression_sections}
HEAD = """# How fast, how many

Written by `make bench`, or by `make bench-chat` and `make bench-compress`, a part at a time. One server's
speed is told as a number; the others as a part of that: the median of the rounds, with the lowest and the
highest. \\* means that the load generator had no time left, but the server had: more might have been
possible.
"""


def write_sections(page, new):
    """Puts sections into the page, in place of those with the same headings, or behind the others."""
    old = page.read_text() if page.exists() else ""
    found = dict(re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", old, re.MULTILINE | re.DOTALL))
    found.update({heading: text.rstrip() + "\n\n" for heading, text in new.items()})
    page.write_text((HEAD + "\n" + "".join(f"## {h}\n{t}" for h, t in found.items())).rstrip() + "\n")


def circumstances(rounds, seconds):
    return f"""
Measured on {time.strftime("%Y-%m-%d")}: {rounds} rounds of {seconds:g} s each. {machine()};
the server on one core, the load generator on the other, loopback. {peer_versions()}.
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
        speeds = [statistics.median(ratios(results, RAW, name, k)) for k in KINDS]
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
    options.add_argument("--part", choices=list(SECTIONS), help="all of them unless told otherwise")
    options.add_argument("--only", help=f"for example '{OURS}:a,b' or ':d'; a part's base is always measured")
    return options.parse_args()


def only(part, words):
    """The part with no more than the servers and kinds that are named."""
    named, _, kinds = words.partition(":")
    return dataclasses.replace(
        part, kinds=[k for k in part.kinds if not kinds or k in kinds.split(",")],
        servers={n: s for n, s in part.servers.items()
                 if n == part.base or not named or n in named.split(",")})


def measure_part(options, name, part):
    results = measure(options.folder, part, options.rounds, options.seconds)
    print(speed_table(results, part, part.kinds), cpu_table(results, part.kinds), sep="\n\n")
    if options.only is not None:
        return
    pathlib.Path(options.folder, f"{name}.json").write_text(json.dumps(results))
    sections = SECTIONS[name](results, part)
    first = next(iter(sections))
    sections[first] = circumstances(options.rounds, options.seconds) + sections[first]
    write_sections(HERE / "results.md", sections)
    if name == "speed":
        plot(results, HERE / "results.svg")


def main():
    options = parse()
    chosen = {n: p for n, p in parts(options.server, options.folder).items() if options.part in (None, n)}
    if options.only is not None:
        chosen = {n: only(p, options.only) for n, p in chosen.items()}
    if len(CORES) < 2 or not shutil.which("taskset"):
        sys.exit("bench: two cores and taskset are needed, to keep server and load apart")
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if any("10000" in part.kinds for part in chosen.values()) and allowed < 10100:
        sys.exit(f"bench: 10 000 clients need as many descriptors, but {allowed} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    for name, part in chosen.items():
        if part.kinds:
            measure_part(options, name, part)


if __name__ == "__main__":
    main()
