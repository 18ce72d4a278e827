# replace.awk - puts a wrong version of a function in the place of the right one
#
#     awk -v folder=FOLDER -f tests/mistakes/replace.awk MISTAKE.c SOURCE.c...
#
# Each function of the first file replaces the one of that name in the other files; those that are
# changed thereby are written to the folder. It must be in one of them, once, else that is an error.
# As everywhere here, a function's body begins with a brace alone in the first column (see
# lessons/tools/stage.awk), and the compiler is told which file a line is from.

# The name in a function's first lines: it is before the first parenthesis.
function name_of(lines) {
    match(lines, /[a-z_0-9]+\(/)
    return substr(lines, RSTART, RLENGTH - 1)
}

# A function of either file is whole; `text` has all of it.
function whole(name, text) {
    if (in_mistake) {
        wrong[name] = text
    } else if (name in wrong) {
        found[name]++
        changed = 1
        output = output wrong[name] sprintf("#line %d \"%s\"\n", FNR + 1, FILENAME)
    } else {
        output = output text
    }
}

function write_source() {
    if (changed)
        printf "#line 1 \"%s\"\n%s", source, output >(folder "/" source)
    output = first_lines = ""
    changed = inside = 0
}

FNR == 1 {
    if (!in_mistake && source != "")
        write_source()
    in_mistake = source == ""
    source = FILENAME
}

inside {
    body = body $0 "\n"
    if (/^}/) {
        inside = 0
        whole(name_of(first_lines), place first_lines body)
        first_lines = ""
    }
    next
}

/^\{$/ && first_lines != "" {
    inside = 1
    body = "{\n"
    next
}

# A line that may be the first of a function, and those that go on with it.
/^[a-z].*[^;{]$/ || (first_lines != "" && /^ /) {
    if (!/^ /) {
        output = output first_lines
        first_lines = ""
        place = in_mistake ? sprintf("#line %d \"%s\"\n", FNR, FILENAME) : ""
    }
    first_lines = first_lines $0 "\n"
    next
}

{
    output = output first_lines $0 "\n"
    first_lines = ""
    if (in_mistake)
        output = ""
}

END {
    output = output first_lines
    write_source()
    for (name in wrong)
        if (found[name] != 1) {
            printf "%s: %d functions of this name, not one\n", name, found[name] >"/dev/stderr"
            status = 1
        }
    exit status
}
