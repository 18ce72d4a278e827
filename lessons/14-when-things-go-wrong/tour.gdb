# Lesson 14, when things go wrong: the server is told to stop, and each worker is woken.

tbreak on_signal
commands
  silent
  here
  say SIGTERM has arrived in the middle of whatever the thread was doing: it waited in accept4. A signal
  say handler may do next to nothing. This one sets a flag, and makes that accept4 fail.
  your-turn bt
end

tbreak clients_stop
commands
  silent
  here
  say The accept loop is over. Each worker waits in recv, and this thread cannot make it
  say call a function.
  your-turn clients
  say The table has all of them, the newest first. Which ones have a WebSocket?
  your-turn p clients.first->number
  your-turn p clients.first->upgraded
  your-turn p clients.first->next->upgraded
  ask Which client's worker is woken first?
end

tbreak wake_locked if client->upgraded
commands
  silent
  here
  say Client 3's, because the newest client is first in the table. The main thread has stored a cause in
  say every stream: a number in memory, which no worker has looked at yet.
  your-turn p (enum stream_cause)client->stream.wake
  say Now the signal. With scheduler-locking on, only the thread that gdb looks at runs: so finish sends
  say it, and nothing else happens.
  your-turn set scheduler-locking on
  your-turn finish
  say Let the worker run alone (its number is the one that clients has shown): its recv fails.
  your-turn thread 4
end

tbreak check_wake if s->wake != 0
commands
  silent
  here
  say recv has failed with EINTR, and the worker looks for a cause. It takes this one, and the
  say read fails with it, all the way up to the function that knows what to do.
  your-turn bt 6
  ask Does the main thread send the Close frame, or this one?
end

tbreak read_on if ws->stream->cause == STREAM_STOPPING
commands
  silent
  here
  your-turn p ws->stream->cause
  say This function knows that the client has a WebSocket, and that no frame is half sent. So
  say this thread sends Close 1001, and not the main thread. 0 means: read on, until the client has
  say replied.
  your-turn finish
  say Let all threads run again. Client 2, in the middle of its request, gets 503. Client 1 gets nothing.
  your-turn set scheduler-locking off
end

tbreak clients_leave if client->upgraded
commands
  silent
  here
  say This client has replied with its own Close frame, so its worker ends. It takes its client out of
  say the table, and wakes the main thread if it was the last one. (gdb does not stop the clock: if you
  say have read for more than STOP_S seconds, the main thread has aborted the connection instead.)
  your-turn p clients.served
end

tbreak files_forget
commands
  silent
  here
  say No worker is left, and no client was cut off in the middle of a frame.
  your-turn p clients.first
  tour-ends
end

say The server is told to stop while three clients are there: one has sent nothing, one is in the middle
say of its request, one has a WebSocket. (With a browser: open the page and press Connect; then, in
say another terminal, type: kill, and the number that info inferiors shows as process.)
tour-begins
