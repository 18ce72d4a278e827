# show.awk - prints one function of a C file, with the comment above it
#
#     awk -v wanted=serve -f lessons/tools/show.awk server.c
#
# The comment, the lines of the function's head, and its body are directly below each other; the
# body's braces are alone in the first column.

function forget() { text = head = ""; }

/^\/\*/ { forget(); in_comment = 1 }
in_comment { text = text $0 "\n"; if (/\*\/$/) in_comment = 0; next }
printing { print; if (/^}/) exit; next }
/^\{$/ {
    name = head
    sub(/\(.*/, "", name)
    sub(/.*[^A-Za-z0-9_]/, "", name)
    if (name == wanted) {
        printf "%s%s{\n", text, head
        printing = 1
    }
    forget()
    next
}
/^[a-z ]/ && !/[;{]$/ { head = head $0 "\n"; next }
{ forget() }
