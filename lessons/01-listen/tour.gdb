# Lesson 1, listen: from the listening socket to the first client's address.

tbreak open_socket
commands
  silent
  here
  say gdb has stopped the program here, as this tour has asked it to (tbreak open_socket).
  say The line above is the one that runs next. bt (backtrace) tells who called whom.
  your-turn bt
  say n (next) runs that line and shows the following one. p (print) shows what a variable holds.
  your-turn n
  your-turn p fd
  say The system has given us a socket, and knows it by this number. 0, 1 and 2 were taken: what
  say the program reads from, prints to, and prints errors to. Nobody can connect to it yet.
  say finish runs to the end of this function, and tells its result.
  your-turn finish
  say bind and listen have worked too, so this is the listener. c (continue) runs to the next stop.
end

tbreak accept_loop
commands
  silent
  here
  say The server has said where it listens, and main goes into its loop. It will wait in accept4 until
  say somebody connects; gdb shows no prompt then. Type c, and connect, with a browser or curl.
end

tbreak start_client
commands
  silent
  here
  say A client: accept4 has returned. fd is a second socket, for this client alone.
  your-turn p fd
  your-turn p address
  say That is where it comes from: a port of its own, which its system chose. up looks at the caller.
  your-turn up
  your-turn p listener
  say The listening socket is as it was, and waits for the next one. Type c, and connect again.
end

break start_client
ignore $bpnum 1
commands
  silent
  here
  say The next client, while the first is still there: a socket of its own, with another number.
  your-turn p fd
  tour-ends
end

say A debugger stops a program where you choose, and lets you look at it. gdb is one without a mouse:
say you type at its prompt, (gdb), and an empty line repeats the last command. This tour stops at
say three functions. What it says stands behind a bar.
tour-begins
