# Lesson 1, listen: from the listening socket to the first client's address.

tbreak open_socket
commands
  silent
  here
  say This tour has asked gdb to stop here (tbreak open_socket). The line above runs next.
  say bt (backtrace) shows which function called which.
  your-turn bt
  say n (next) runs that line and shows the one after it. p (print) shows the value of a variable.
  ask The socket will be 3. What are 0, 1 and 2?
  your-turn n
  your-turn p fd
  say The descriptor of our socket is 3, because 0, 1 and 2 were taken: the program reads from 0,
  say prints to 1, and prints errors to 2. Nobody can connect to this socket yet.
  say finish runs to the end of this function and shows what it returns.
  your-turn finish
  say bind and listen have worked too, so 3 is the listener. c (continue) runs to the next stop.
end

tbreak accept_loop
commands
  silent
  here
  say The server has said where it listens, and main enters its loop. It will wait in accept4 until
  say somebody connects, and gdb shows no prompt while it waits. Type c. With CLIENT=1, a client
  say connects now; without it, you connect, with a browser.
end

tbreak write_address
ignore $bpnum 1
commands
  silent
  here
  say accept4 has returned: here is a client. finish returns to the loop, where fd is.
  your-turn finish
  your-turn p fd
  say This is a second socket, for this client alone. And this is the client's address, with a port
  say that the client's system has chosen:
  your-turn p (char *)address
  say The listener has not changed and waits for the next client. Type c; if you are the client,
  say connect once more.
  your-turn p listener
  ask Which number would the next client's socket get if the first client had left?
end

break write_address
ignore $bpnum 2
commands
  silent
  here
  say Here is the next client. The first is still there; had it left, 4 would be free for this one.
  say (up looks at the function that called this one.)
  your-turn up
  your-turn p fd
  tour-ends
end

say A debugger stops a program where you choose and lets you look inside. In gdb you type at the
say prompt, (gdb); an empty line repeats the last command. This tour stops at three functions.
say What the tour says begins with a bar.
tour-begins
