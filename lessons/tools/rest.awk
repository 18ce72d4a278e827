# rest.awk - fills what is not written in a file of workshop/ with the finished functions
#
#     awk -v name=workshop/frame.c -v finished=frame.c -f lessons/tools/rest.awk frame.c workshop/frame.c
#
# A function that is not written holds a line "    TODO(12, ...": its body is taken from the finished
# file. Lines of "#line" tell the compiler, and so the debugger, in which file each line really stands.

# The name of the function whose first lines are given; "" where they are no function's.
function name_of(lines) {
    if (!match(lines, /[a-z_0-9]+\(/))
        return ""
    return substr(lines, RSTART, RLENGTH - 1)
}

FNR == 1 { file++; signature = ""; inside = 0 }

# Both files: a function's first lines stand in front of a brace that is alone in the first column.
!inside && /^[a-z]/ { signature = "" }
!inside && $0 != "{" { signature = signature $0 "\n" }
!inside && $0 == "{" { inside = 1; body = ""; begins = FNR; unwritten = 0 }
inside { body = body $0 "\n" }
inside && /^    TODO(_LATER)?\(/ { unwritten = 1 }

file == 1 && inside && /^}/ { bodies[name_of(signature)] = body; first[name_of(signature)] = begins }
file == 2 && FNR == 1 { printf "#line 1 \"%s\"\n", name }
file == 2 && !inside { print }
file == 2 && inside && /^}/ {
    function_name = name_of(signature)
    if (unwritten && function_name in bodies)
        printf "#line %d \"%s\"\n%s#line %d \"%s\"\n", first[function_name], finished,
            bodies[function_name], FNR + 1, name
    else
        printf "%s", body
}
inside && /^}/ { inside = 0; signature = "" }
