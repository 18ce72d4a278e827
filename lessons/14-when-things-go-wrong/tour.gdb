# Lesson 14, when things go wrong: the server is told to stop, and each worker is woken.

tbreak on_signal
commands
  silent
  here
  say SIGTERM has arrived in the middle of whatever the thread was doing: main waited in accept4. A
  say signal handler may touch next to nothing: this one sets a flag, and makes that accept4 fail.
  your-turn bt
end

tbreak clients_stop
commands
  silent
  here
  say The accept loop is over. Each worker waits in recv, and main cannot call a function there.
  your-turn clients
  say The table has all of them, the newest first. Which ones have their WebSocket?
  your-turn p clients.first->number
  your-turn p clients.first->upgraded
  your-turn p clients.first->next->upgraded
end

tbreak wake_locked if client->upgraded
commands
  silent
  here
  say Main has left a cause in every stream. It is a number in memory; nobody has looked at it yet.
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
  say recv has failed with EINTR, and the worker looks whether there is a cause. It takes it out, and its
  say read fails with it, all the way up to the function that knows what to do.
  your-turn bt 6
end

tbreak read_on if ws->stream->cause == STREAM_STOPPING
commands
  silent
  here
  your-turn p ws->stream->cause
  say Here it is known that this client has a WebSocket, and that no frame of its own is half sent: so
  say this thread, and not main, sends Close 1001. 0 means: read on, until the client has replied.
  your-turn finish
  say All may run again. Whoever was in the middle of a request gets 503; who had not asked, nothing.
  your-turn set scheduler-locking off
end

tbreak clients_leave if client->upgraded
commands
  silent
  here
  say This client has replied with its own Close frame, so its worker ends. It takes its client out of
  say the table, and wakes main if it was the last one. (gdb does not stop the clock: if you have read
  say for more than STOP_S seconds, main has aborted the connection instead.)
  your-turn p clients.served
end

tbreak files_forget
commands
  silent
  here
  say No worker is left, and nobody was cut off in the middle of a frame.
  your-turn p clients.first
  tour-ends
end

say The server is told to stop while three clients are there: one has said nothing, one is in the middle
say of its request, one has a WebSocket. (With a browser: open the page and press Connect; then, in
say another terminal, type: kill, and the number that info inferiors shows as process.)
tour-begins
