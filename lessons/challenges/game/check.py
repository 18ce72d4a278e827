"""The check of the game: lessons/tools/challenge.py runs it.

It opens the learner's page in Chromium, which it steers by a WebSocket (the DevTools protocol), and talks to
that page in the chat.
"""
import json
import re
import shutil
import subprocess
import tempfile
import time

from challenge import Trouble, expecting
from client import FIN, TEXT, WAIT_S, Server, connect, upgraded
from frames import frame

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
OPTIONS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
           "--disable-component-update --disable-sync --remote-debugging-port=0").split()
PAGE = "/game.html"
LOW, HIGH = 1, 100
ROUNDS = 3


# ---- the browser ----

class Browser:
    """Chromium, without a window."""

    def __init__(self, bench):
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        if program is None:
            raise Trouble("there is no Chromium here, which this check needs to open your page: apt-get install chromium. "
                          "Or open the page in two windows of your own browser, and play")
        profile = bench.ends.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self.process = subprocess.Popen([program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        bench.ends.callback(self.kill)
        found, said = None, ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r"ws://127\.0\.0\.1:(\d+)(/\S+)", line):
                break
        if not found:
            raise Trouble(f"{program} does not start:\n{said[-500:]}")
        self.connection = upgraded(Server(int(found[1])), found[2])
        self.number, self.complaints = 0, []

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def ask(self, method, session=None, **parameters):
        """Asks for something to be done, and returns what comes of it. Keeps what the page complains of."""
        self.number += 1
        question = {"id": self.number, "method": method, "params": parameters}
        if session:
            question["sessionId"] = session
        self.connection.socket.sendall(frame(FIN | TEXT, json.dumps(question).encode()))
        while True:
            with expecting(f"the browser's reply to {method}"):
                said = json.loads(self.connection.frame()[1])
            entry = said.get("params", {}).get("entry", {})
            if entry.get("level") == "error":
                self.complaints.append(entry["text"])
            if detail := said.get("params", {}).get("exceptionDetails"):
                self.complaints.append(detail.get("exception", {}).get("description") or detail["text"])
            if said.get("id") == self.number:
                if "error" in said:
                    raise Trouble(f"the browser cannot do {method}: {said['error']['message']}")
                return said["result"]

    def open(self, address):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for part in ("Log", "Runtime", "Page"):
            self.ask(f"{part}.enable", session)
        self.ask("Page.navigate", session, url=address)
        return Tab(self, session)


class Tab:
    """A page in the browser."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def value(self, expression):
        """The value of an expression of JavaScript in the page."""
        answer = self.browser.ask("Runtime.evaluate", self.session, expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Trouble(f"the page cannot do `{expression}`: it needs a form, and in it an input"
                          f"{self.complaints()}")
        return answer["result"].get("value")

    def says(self, text):
        """What a person does: types into the page's field, and sends the form."""
        self.value(f"{{ const field = document.querySelector('form input'); field.value = {json.dumps(text)};"
                   f" field.dispatchEvent(new Event('input', {{ bubbles: true }})); field.form.requestSubmit(); }}")

    def shows(self, text):
        """Waits until the page shows a text."""
        until = time.monotonic() + WAIT_S
        while text not in (shown := self.value("document.body.innerText") or ""):
            if time.monotonic() > until:
                raise Trouble(f'the page should show "{text}", but shows this:\n{shown[-300:]}{self.complaints()}')
            time.sleep(0.05)

    def complaints(self):
        return "".join(f"\nThe browser says: {words}" for words in dict.fromkeys(self.browser.complaints))


# ---- the chat ----

def unasked(heard):
    """What may be the reason for a reply that nobody has asked for."""
    return ". Does a page take its own reply for a guess, or do two pages reply?" if re.search(r": \d+ is ", heard) else ""


class Player:
    """Somebody in the chat who has no browser."""

    def __init__(self, server, name):
        self.name = name
        self.connection = upgraded(server, f"/chat?name={name}")
        self.hears(f"* {name} has joined")

    def next(self, what):
        with expecting(what):
            return self.connection.frame()[1].decode(errors="replace")

    def hears(self, wanted, why=""):
        heard = self.next(f'"{wanted}" in the chat{why}')
        if heard != wanted:
            raise Trouble(f'in the chat should be "{wanted}" next{why}, but there is "{heard}"{unasked(heard)}')

    def says(self, text):
        self.connection.socket.sendall(frame(FIN | TEXT, text.encode()))
        self.hears(f"{self.name}: {text}")


def opened(bench, name):
    """The learner's page, opened by ada; and bob, who was in the chat before."""
    server = bench.server()
    bob, browser = Player(server, "bob"), Browser(bench)
    return server, bob, browser, join(server, bob, browser, name)


def join(server, bob, browser, name):
    tab = browser.open(f"http://127.0.0.1:{server.port}{PAGE}?name={name}")
    try:
        bob.hears(f"* {name} has joined", f", because {PAGE}?name={name} was opened")
    except Trouble as trouble:
        tab.value("0")      # the browser's complaints come with the reply
        raise Trouble(f"{trouble}{tab.complaints()}") from None
    tab.shows(f"* {name} has joined")
    return tab


def begin(tab, bob, name):
    tab.says("new")
    bob.hears(f"{name}: new")
    bob.hears(f"{name}: I am thinking of a number from {LOW} to {HIGH}", f", because {name} has typed new")


def guess(bob, number, keeper):
    """What the keeper's page replies to a guess: -1 (too low), 1 (too high), 0 (right)."""
    bob.says(str(number))
    heard = bob.next(f"the reply of {keeper}'s page to the guess {number}")
    replies = {f"{keeper}: {number} is too low": -1, f"{keeper}: {number} is too high": 1,
               f"{keeper}: {number} is right: bob wins": 0}
    if heard not in replies:
        raise Trouble(f'bob has guessed {number}. One of these should follow: "{number} is too low", "{number} is too '
                      f'high", "{number} is right: bob wins", from {keeper}; but there is "{heard}"{unasked(heard)}')
    return replies[heard]


def find(bob, keeper):
    """Guesses until it is right. The first guesses are such that comparing digits as words goes wrong."""
    low, high, said = LOW, HIGH, []
    guesses = [9, 100]
    while low <= high:
        number = guesses.pop(0) if guesses else (low + high) // 2
        reply = guess(bob, number, keeper)
        said.append(f"{number} {('is right', 'is too high', 'is too low')[reply]}")
        if reply == 0:
            return
        low, high = (max(low, number + 1), high) if reply < 0 else (low, min(high, number - 1))
    raise Trouble(f"there is no such number: {keeper}'s page has said that {', that '.join(said)}")


# ---- the tests ----

def is_served(bench):
    """the server has the page /game.html"""
    connection = connect(bench.server())
    connection.send(f"GET {PAGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    with expecting(f"the response to GET {PAGE}"):
        status = connection.head().splitlines()[0]
    if " 200 " not in status:
        raise Trouble(f'GET {PAGE}: "{status}". There is no client{PAGE} yet. The server lists the files of client/ when '
                      "it starts, so begin with the file, and start the server again")


def joins(bench):
    """opened as /game.html?name=ada, it joins the chat as ada, and says what is typed"""
    _, bob, _, tab = opened(bench, "ada")
    tab.says("Hello")
    bob.hears("ada: Hello", ", because ada has typed Hello")


def shows_text(bench):
    """it shows what comes, as text"""
    _, bob, _, tab = opened(bench, "ada")
    bob.says("Hello")
    tab.shows("bob: Hello")
    bob.says('<b id="bold">not bold</b>')
    tab.shows("not bold")
    if tab.value("document.querySelector('#bold') !== null"):
        raise Trouble("bob has said something that looks like HTML, and the page has made an element of it. Show it as "
                      "text: anybody in the chat could change your page")
    tab.shows('bob: <b id="bold">not bold</b>')


def keeps_a_number(bench):
    """after "new", the page of whoever typed it judges every guess"""
    _, bob, _, tab = opened(bench, "ada")
    bob.says("50")      # no game has begun: nobody replies
    for _ in range(ROUNDS):
        begin(tab, bob, "ada")
        find(bob, "ada")
    bob.says("50")      # the game is over
    tab.says("Again?")
    bob.hears("ada: Again?", ", because the game is over, and so nobody judges a guess")


def is_the_only_one(bench):
    """one page replies: that of whoever has typed "new" last"""
    server, bob, browser, ada = opened(bench, "ada")
    cleo = join(server, bob, browser, "cleo")
    for keeper, other, name in ((ada, cleo, "ada"), (cleo, ada, "cleo"), (ada, cleo, "ada")):
        begin(keeper, bob, name)
        if guess(bob, 0, name) != -1 or guess(bob, 101, name) != 1:
            raise Trouble(f"{name}'s page is thinking of a number from {LOW} to {HIGH}, so 0 is too low, and 101 too high")
        other.shows("101 is too high")      # then this page has replied as well, if it does
        other.says("I keep quiet")
        bob.hears(f"{'cleo' if name == 'ada' else 'ada'}: I keep quiet",
                  f": the number is {name}'s, and only {name}'s page replies")


TESTS = [is_served, joins, shows_text, keeps_a_number, is_the_only_one]
