# functions.awk - lists the functions of C files, a line each, with tabs between:
#
#     LESSON  NAME  FILE  LINE  STATE      STATE: written, unwritten or given
#
#     awk -f lessons/tools/functions.awk server.c stream.c
#
# The lesson is what the comment directly above begins with: "Lesson 7. " or "Lesson 7, given. ";
# 0: there is none. A function that holds a line TODO(...) is unwritten; the line is then that one's,
# else that of the function's name.

# The name in "static int serve(struct stream *s": what stands before the first parenthesis.
function name_in(head) {
    sub(/[ \t]*\(.*/, "", head)
    sub(/.*[^A-Za-z0-9_]/, "", head)
    return head
}

function finish() {
    if (name != "")
        print lesson + 0 "\t" name "\t" FILENAME "\t" place "\t" state
    name = head = ""
    lesson = body = 0
}

FNR == 1 { in_comment = body = lesson = 0; name = head = "" }

body && /^[ \t]*TODO(_LATER)?\(/ { state = "unwritten"; place = FNR }
body { if (/^}/) finish(); next }

/^\/\*/ { in_comment = 1; lesson = 0; head = "" }
/^\/\* Lesson [0-9]+[.,] / { lesson = $3 + 0; given = /^\/\* Lesson [0-9]+, given\. / }
in_comment { if (/\*\//) in_comment = 0; next }
/^(#|\/\/|$)/ { head = ""; next }

# The lines of a declaration, up to the ; that ends it or the { that begins its body.
head == "" && /^[A-Za-z_]/ { place = FNR }
{ head = head " " $0 }
/\{/ {
    body = 1
    sub(/\{.*/, "", head)
    if (head ~ /\(/ && head !~ /=/) {
        name = name_in(head)
        state = given ? "given" : "written"
    }
    given = 0
    if (/\}[; \t]*$/)
        finish()
    next
}
/;/ { head = ""; lesson = given = 0 }
