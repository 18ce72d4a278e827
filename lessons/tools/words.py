"""words.py - the sentences of a page, and what check-lessons does not want to read in them

The first edition was correct and read as if it had been translated. TURNS are its habits, each with what
to write instead; LONGEST is how many words a sentence may have. What is in backticks or in quotes counts
as one word.
"""
import re

LONGEST = 40

TURNS = [
    (r"\bvisitors?\b", "client"),
    (r"` answers?\b|\banswers (what|0|1|-1|NULL|true|false)\b", "returns"),
    (r"\bwhere it is (not )?(0|set|NULL|above|below)\b|(^|[.:;] )Where (it|that|this) (is|has|does)\b", "if"),
    (r"(^|[.:;] )Else\b(?! if)", "Otherwise, or a sentence with if"),
    (r"(^|[.:;] )who (breaks|sends|does|asks|closes|waits|reads|writes) (one|a|an|nothing|at once)\b",
     "if a client …"),
    (r"\b(comes?|came|is|are|lies?|stands?|stood|written|bytes|room|further) behind\b"
     r"|\bbehind (it|its|that|the (line|request|empty|header|head|colon|value|comma|space|name|status|key))\b",
     "after, follows"),
    (r"\b(figures?|results?|numbers?|names?|sentences?|lines?|others?|all|it|that|what|which) (stands?|stood) "
     r"(in|at|behind|there|beside|under|below|above)\b", "is, are, is in"),
    (r"\bzero bytes?\b(?! file)", "null terminator"),
    (r"\b(a|one|the|two|by) blanks?\b", "space"),
    (r"\bletters of Base64\b", "characters"),
    (r"(^|[,;] )for (there|they|he|she|it|we|you) (is|are|has|have|was|were)\b", "because"),
    (r"(?<!there )\b(is|are|was) none( after all)?[.,:;)]", "say what it is instead"),
    (r"\ba want of\b", "running out of"),
    (r"\blooks so\b", "looks like this"),
    (r"\bwaits? for company\b", "is sent together with the next reply"),
    (r"\bprocessor is burnt\b", "uses all of a core"),
    (r"\bcomes and goes\b", "is sent and received"),
    (r"\b(and|who) is gone\b", "say who closes the connection"),
    (r"\bheader lines?\b", "header field"),
    (r"\bpatience\b", "timeout"),
    (r"\b(in|for|of|by|after|its) silence\b|\bsilent (client|peer)s?\b", "idle, idle timeout"),
    (r"\b(last word|goodbyes?|farewells?)\b", "Close frame, going away"),
    (r"\bowed\b|\bowes\b", "pending"),
    (r"\bmissed (events?|messages?)\b", "dropped"),
    (r"\b(is|are|was|were|be) turned away\b|\brefusals?\b", "rejected"),
    (r"\bmade-up (input|requests?|frames?)\b", "fuzzing"),
    (r"\bin any case\b", "in upper or lower case, case-insensitive; or anyway"),
    (r"\bborders?\b", "limit, boundary"),
    (r"\bone after the other\b", "one after another, one at a time, in turn"),
    (r"\bstatus'(?!s)", "status's"),
    (r"\bwhere (it|they) lies?\b", "in place"),
    (r"\bcalls? of `", "call to"),
    (r"\bthe (tab|column|row|button) [*`]", "the name first: the *Network* tab"),
    (r"\b(RFC( \d+)?|standard|protocol|frame)( section [\d.]+)? (wants|will have)\b", "requires, needs"),
    (r"\balso (if|0|an empty)\b", "even, including"),
    (r"\b(each|one|next|no) round of (the|your) loop\b|\bgo(es)? round again\b|\bno round at all\b", "iteration, again"),
    (r"\b(one|two|three|four) (characters?|cases?) more\b", "one more case"),
    (r"\bmakes? (a|one|valid) [`\w -]{1,30} of (an?|it|them|every|whatever)\b", "turns … into …"),
    (r"\bcompares? two texts\b|\ba fixed text\b", "string"),
    (r"\bprepares \[", "prepares for"),
    (r"\bpart of a (milli|micro|nano)?second\b", "fraction"),
    (r"\bgets? to know\b", "find out, learn"),
    (r"\btakes? itself for\b", "believes that it is"),
    (r"(?-i:(^|[.!?] )(ada|bob|cleo)\b)", "a person's name: a capital"),
    (r"\bSTREAM_(END|STUCK|OVER|CUT)\b|\bCLOSE_(NO_CODE|BAD_TEXT|TOO_BIG)\b|\bpeer_silent\b",
     "the name that the code has today"),
]


def paragraphs(page):
    """The page's paragraphs, as [(number of the first line, text)]: also each item, heading and cell."""
    found, here = [], None
    for number, line in enumerate(page.prose, 1):
        words = re.sub(r"</?(details|summary|picture|source|img|sub|br|a|p)\b[^>]*>|<!--.*?-->", "", line)
        indented = line.startswith("    ") and here is None
        item = re.match(r"\s*([-*]|\d+\.|>|#+) ", words)
        if not words.strip() or indented:
            here = None
        elif words.startswith("|"):
            found += [(number, cell.strip()) for cell in words.strip().strip("|").split("|")]
            here = None
        elif here is None or item or line.startswith("<"):
            here = [number, words[item.end():] if item else words]
            found.append(here)
        else:
            here[1] += " " + words.strip()
    return [(number, re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)) for number, text in found]


def sentences(text):
    text = re.sub(r"`[^`]*`|\"[^\"]*\"", "`code`", text)
    return re.split(r"(?<=[.!?])[)*\"]*\s+(?=[A-Z`*\"(\[])", text)


def faults(page):
    """What is to be mended, as [(number of the paragraph's first line, words)]."""
    return faults_of(paragraphs(page))


def faults_of_tour(path):
    """The same in what a lesson's tour says, stop by stop; it shows on the page, so there are no numbers."""
    stops = path.read_text(encoding="utf-8").split("\ncommands\n") if path.is_file() else []
    said = [(0, " ".join(re.findall(r"^ *say (.*)", stop, re.M))) for stop in stops]
    return [words for _, words in faults_of(said)]


def faults_of(texts):
    found = []
    for number, text in texts:
        for turn, instead in TURNS:
            if said := re.search(turn, text, re.I):
                found.append((number, f'"{said[0].strip(" .,:;`")}": write it plainly ({instead})'))
        for sentence in sentences(text):
            count = len(re.findall(r"\S*\w\S*", sentence))
            if count > LONGEST:
                start = " ".join(sentence.split()[:6])
                found.append((number, f"a sentence of {count} words, at most {LONGEST}: {start} …"))
    return found
