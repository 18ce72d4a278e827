# Lesson 2, a thread per client: who is who, and one of two held while the other is served.

tbreak start_client
commands
  silent
  here
  say The main thread has accepted client 1. It makes a struct client and a thread for it, and goes
  say back to accept. c runs on until the new thread reaches the next stop of this tour.
end

tbreak worker
commands
  silent
  here
  say This is another thread, in its first function. All that it was given is an address, argument,
  say where main has made a client. The cast tells gdb what type is there.
  your-turn p ((struct client *)argument)->number
  say Next, the thread gives itself a name. Type c; if you are the client, connect a second time, and
  say ask for something.
end

tbreak trace_line
commands
  silent
  here
  say Client 2 has sent a line; client 1 has sent nothing. gdb has stopped all threads, and info
  say threads lists them. The star marks the one that gdb looks at. The numbers on the left are gdb's.
  your-turn info threads
  say clients adds what this server knows. thread 2 goes to the thread that gdb calls 2, so that bt
  say and p are about that one. bt 5 shows its innermost five functions.
  your-turn clients
  your-turn thread 2
  your-turn bt 5
  say It waits in recv for client 1. Now hold client 2 instead: with scheduler-locking on, c runs only
  say the thread that gdb looks at. (Client 1 asks for something now.)
  ask Does client 1 get its response while client 2 is held?
  your-turn set scheduler-locking on
  your-turn tbreak write_head
  your-turn c
  here
  say Client 1 gets its response. Client 2 has not run a single line meanwhile, but is still connected.
  your-turn clients
  say Let all threads run again before you go on; otherwise c would run only one of them.
  your-turn set scheduler-locking off
  tour-ends
end

say Two clients connect, and each gets a thread. The tour stops where main starts the first thread,
say where that thread begins, and where the first line from client 2 has arrived.
tour-begins
