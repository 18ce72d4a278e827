# Lesson 13, the server speaks first: a watcher's two threads, and the ring between them and the workers.

tbreak send_view
commands
  silent
  here
  say The second thread of a client of /wire. It sends what happens, while the first one, which has
  say started it, reads what the client says: one thread can wait in one place only.
  your-turn p ((struct view *)argument)->ws->stream->tap->conn
  say c: then let somebody connect, to be watched.
end

tbreak publish
commands
  silent
  here
  say A worker tells an event. Look who waits meanwhile, and where:
  your-turn clients
  your-turn p event->kind
  say The view waits at the condition variable ring.grown. This function puts the event into the ring,
  say under the lock, and wakes whoever waits: so stop next where the view has its event.
  your-turn tbreak wire_json
  your-turn c
  here
  say The view is awake, and holds a copy of the event. It holds no lock while it sends: a watcher that
  say is slow stops nobody.
  your-turn p event->n
  your-turn p *event->bytes@event->size
end

tbreak publish if event->kind == WIRE_FRAME
commands
  silent
  here
  say A message has come: a frame as it crossed the wire, header and masked payload.
  your-turn x/11xb event->bytes
  say bt shows who tells it. finish; then events shows the end of the ring.
  your-turn bt 4
  your-turn finish
  your-turn events 3
  say thread apply all bt 3 shows all threads at once; try it.
  tour-ends
end

say A client of /wire is told what the others do, unasked. This tour looks at the thread that sends, and
say at the ring it takes events from. (The page opens /wire by itself.)
tour-begins
