# flags.sh - what is compiled, and what the compiler is told, in all builds of a stage of the course, of
# workshop/, and of wrong functions; their scripts read it in with "."

# Each part of the server has a header of its name; any other C file that lies beside them is not ours.
sources="server.c $(echo *.h | sed 's/\.h/.c/g')"

language='-std=c11 -D_GNU_SOURCE -pthread'
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers'
client="-DCLIENT_DIRECTORY=\"$PWD/client\""

# The calls that todo.c stands in front of.
wrapped=$(grep -o '__wrap_[a-z_0-9]*' lessons/tools/todo.c | sort -u | sed 's/__wrap_/-Wl,--wrap=/')

server_libraries='-lmd -lb64'
suite_libraries="-lcunit $server_libraries"
