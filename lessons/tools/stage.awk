# stage.awk - makes one stage of the course from a finished source file
#
#     awk -v lesson=7 -f lessons/tools/stage.awk server.c >workshop/server.c
#     awk -v lesson=7 -v without=worker -f lessons/tools/stage.awk server.c     (nor is this one there)
#
# The comment directly above a function begins with its lesson: "Lesson 7. Makes the accept key".
# Functions of that lesson and of later ones lose their body: it becomes a TODO with the comment's
# first sentence, and returns zero. Functions marked "Lesson 7, provided." stay. If the comment
# says that the server runs without a function, the TODO does nothing.

function flush_comment() {
    printf "%s", comment
    comment = text = ""
}

# The comment's words, without its stars.
function words(line) {
    sub(/^\/\* ?/, "", line)
    sub(/^ \* ?/, "", line)
    sub(/ *\*\/$/, "", line)
    return line
}

# Whether a function is to lose its body. Its name is in its first lines, before a parenthesis.
function is_left_out() {
    if (text !~ /^Lesson [0-9]+\. /)
        return 0
    match(signature, /[a-z_0-9]+\(/)
    return substr(text, 8) + 0 >= lesson || substr(signature, RSTART, RLENGTH - 1) == without
}

function todo(    sentence, number, passed) {
    number = text
    sub(/^Lesson /, "", number)
    sentence = number
    number += 0
    sub(/^[0-9]+\. /, "", sentence)
    sub(/\. .*/, "", sentence)
    sub(/\.$/, "", sentence)
    gsub(/\\/, "\\\\", sentence)
    gsub(/"/, "\\\"", sentence)
    passed = text ~ /server runs without it/ ? "TODO_LATER" : "TODO"
    printf "{\n    %s(%d, \"%s\");\n", passed, number, sentence
    if (signature !~ /^(static )?void [^*]/)
        print "    return 0;"
    print "}"
}

/^#include "/ && !included { print "#include \"todo.h\""; included = 1 }

skipping { if (/^}/) skipping = 0; next }

/^\/\*/ { flush_comment(); in_comment = 1; signature = "" }
in_comment {
    comment = comment $0 "\n"
    text = text (text == "" ? "" : " ") words($0)
    if (/\*\/$/) in_comment = 0
    next
}

/^\{$/ {
    if (is_left_out()) {
        printf "%s%s", comment, signature
        comment = ""
        todo()
        skipping = 1
    } else {
        printf "%s%s{\n", comment, signature
    }
    comment = text = signature = ""
    next
}

# A line that may belong to a function's first lines, before its brace.
comment != "" && /^[a-z ]/ && !/[;{]$/ { signature = signature $0 "\n"; next }

{ printf "%s%s", comment, signature; comment = text = signature = ""; print }

END { printf "%s%s", comment, signature }
