# flags.sh - what is compiled, and what the compiler is told, in all builds of a stage of the course, of
# workshop/, and of wrong functions; their scripts read it in with "."

# Programs speak one language, and Python, also the one inside gdb, finds what it always finds.
export LC_ALL=C.UTF-8
unset PYTHONHOME PYTHONPATH LANGUAGE

# Each part of the server has a header of its name; any other C file that lies beside them is not ours.
sources="server.c $(echo *.h | sed 's/\.h/.c/g')"

language='-std=c11 -D_GNU_SOURCE -pthread'
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers'
# An absolute path, as C wants it written.
path_in_c() {
    printf '"%s"' "$(printf '%s\n' "$PWD/$1" | sed 's/["\\]/\\&/g')"
}
client="-DCLIENT_DIRECTORY=$(path_in_c client)"

# The calls that the linker leads through todo.c.
wrapped=$(grep -o '__wrap_[a-z_0-9]*' lessons/tools/todo.c | sort -u | sed 's/__wrap_/-Wl,--wrap=/')

server_libraries='-lmd -lb64'
suite_libraries="-lcunit $server_libraries"
