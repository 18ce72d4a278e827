# functions.awk - lists the functions of C files, a line each, with tabs between:
#
#     LESSON  NAME  FILE  LINE  STATE  FIRST  LAST      STATE: written, unwritten or provided
#
#     awk -f lessons/tools/functions.awk server.c stream.c
#
# The lesson is what the comment directly above begins with: "Lesson 7. " or "Lesson 7, provided. ";
# 0: there is none. A function that calls TODO(...) is unwritten, however that line is indented; LINE is
# then that one's, else that of the function's name. FIRST and LAST are the function's lines, without
# the comment above it.

# The name in "static int serve(struct stream *s": what is before the first parenthesis.
function name_in(head) {
    sub(/[ \t]*\(.*/, "", head)
    sub(/.*[^A-Za-z0-9_]/, "", head)
    return head
}

# Looks at a line of a function's body; what stands in strings and comments does not count.
function look(line) {
    gsub(/"([^"\\]|\\.)*"|\/\*.*\*\/|\/\/.*/, "", line)
    if (line ~ /(^|[^A-Za-z0-9_])TODO(_LATER)?[ \t]*\(/) {
        state = "unwritten"
        place = FNR
    }
}

function finish() {
    if (name != "")
        print lesson + 0 "\t" name "\t" FILENAME "\t" place "\t" state "\t" first "\t" FNR
    name = head = ""
    lesson = body = 0
}

FNR == 1 { in_comment = body = lesson = 0; name = head = "" }
{ sub(/\r$/, "") }

body { look($0); if (/^}/) finish(); next }

/^\/\*/ { in_comment = 1; lesson = 0; head = "" }
/^\/\* Lesson [0-9]+[.,] / { lesson = $3 + 0; provided = /^\/\* Lesson [0-9]+, provided\. / }
in_comment { if (/\*\//) in_comment = 0; next }
/^(#|\/\/|$)/ { head = ""; next }

# The lines of a declaration, up to the ; that ends it or the { that begins its body.
head == "" && /^[A-Za-z_]/ { place = first = FNR }
{ head = head " " $0 }
/\{/ {
    body = 1
    sub(/\{.*/, "", head)
    if (head ~ /\(/ && head !~ /=/) {
        name = name_in(head)
        state = provided ? "provided" : "written"
        look(substr($0, index($0, "{") + 1))
    }
    provided = 0
    if (/\}[; \t]*$/)
        finish()
    next
}
/;/ { head = ""; lesson = provided = 0 }
