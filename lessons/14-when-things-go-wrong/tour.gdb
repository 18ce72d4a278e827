# Lesson 14, when things go wrong: the server is told to stop, and says goodbye.

tbreak on_signal
commands
  silent
  here
  say SIGTERM has come, in the middle of whatever main did: it waited in accept4. A signal handler may
  say touch next to nothing, so this one notes the wish, and makes that accept4 fail.
  your-turn bt
end

tbreak say_goodbye
commands
  silent
  here
  say The accept loop is over. The table says who is there; main has entered each of them.
  your-turn clients
  your-turn p clients.first->number
  your-turn p clients.first->progress
  your-turn p clients.first->next->progress
  say The newest is first. It has not asked for anything yet; the others have their WebSocket.
end

tbreak stream_farewell
commands
  silent
  here
  say Whoever has a WebSocket gets a close frame, from main's thread: its own waits in recv.
  your-turn p s->tap->conn
  your-turn frame-bits word->bytes
  your-turn p word->bytes[2] * 256 + word->bytes[3]
end

tbreak leave_table
commands
  silent
  here
  say Who had not asked is told nothing: its reading was ended. So its worker is the first to take a
  say client out of the table, and to wake main, which waits for that.
  your-turn p clients.admitted
  say The others leave when they have answered the close frame; at most STOP_S seconds are given.
end

tbreak stream_set_deadline if seconds > 0 && s->last_word_said
commands
  silent
  here
  say This client has answered. A deadline sees to it that nobody can hold up the end, even with
  say --timeout 0: so many seconds for all that is still read.
  your-turn p seconds
end

tbreak end_printing
commands
  silent
  here
  say No worker is left: nobody was cut off in the middle of a word.
  your-turn p clients.first
  tour-ends
end

say The server is told to stop while three visitors are there. (With a browser: open the page twice, and
say then, in another terminal, type: kill, and the number that info inferiors shows as process.)
tour-begins
