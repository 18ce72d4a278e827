# Lesson 2, a thread per client: who is who, and one of two held while the other is served.

tbreak start_client
commands
  silent
  here
  say The main thread has accepted a client. It makes a struct client and a thread for it, and goes
  say back to accept. c runs on: the new thread will come to the tour's next stop.
end

tbreak worker
commands
  silent
  here
  say This is another thread, in its first function. What it got is an address and no more: argument,
  say which main has filled before. A cast says what lies there.
  your-turn p ((struct client *)argument)->number
  say Next, it gives itself a name. Type c; then connect a second time, and ask for something.
end

tbreak parse_request_line
commands
  silent
  here
  say A line has come from the second client. gdb holds all threads now; info threads lists them. The
  say star is at the one that gdb looks at; the numbers in front are gdb's own.
  your-turn info threads
  say clients adds what this program knows. thread 2 looks at the thread that gdb calls 2: bt and p
  say then speak of that one. bt 5 shows the innermost five of its functions.
  your-turn clients
  your-turn thread 2
  your-turn bt 5
  say Now hold client 2, and let client 1 be served: with scheduler-locking on, c lets only that thread
  say run that gdb looks at. (The first client asks for something now.)
  your-turn set scheduler-locking on
  your-turn tbreak stream_linger
  your-turn c
  here
  say Client 1 has its response. Client 2 has not run one line meanwhile, and is still connected.
  your-turn clients
  say Let all run again before you go on: else c would wait for one thread alone.
  your-turn set scheduler-locking off
  tour-ends
end

say Two clients come, and each gets a thread. The tour stops where main makes the first one's thread,
say where that thread begins, and where the second client's first line has come.
tour-begins
