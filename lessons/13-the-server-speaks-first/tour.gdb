# Lesson 13, the server speaks first: the two threads of a client of /wire, and the ring in between.

tbreak send_events
commands
  silent
  here
  say The second thread of a client of /wire. It sends the events, while the first one, which has
  say started it, reads what the client says: one thread can wait in one place only.
  your-turn p ((struct view *)argument)->ws->source->connection
  say c: then let somebody connect, so that there is something to record.
end

tbreak broadcast_publish
commands
  silent
  here
  say A worker, or main, publishes an event. Look who waits meanwhile, and where:
  your-turn clients
  your-turn p ((struct trace_event *)message)->kind
  say The thread view waits at the condition published. This function puts the event into the ring,
  say under the lock, and wakes whoever waits: so stop next where the view has its event.
  your-turn tbreak wire_json
  your-turn c
  here
  say The view is awake, and has a copy of the event. It holds no lock while it sends: a page that is
  say slow holds up nobody.
  your-turn p event->number
  your-turn p *event->bytes@event->size
end

tbreak broadcast_publish if ((struct trace_event *)message)->kind == TRACE_FRAME
commands
  silent
  here
  say A message has come: a frame as it crossed the wire, header and masked payload.
  your-turn x/11xb ((struct trace_event *)message)->bytes
  say bt shows who records it. finish; then events shows the end of the ring.
  your-turn bt 5
  your-turn finish
  your-turn events 3
  say thread apply all bt 3 shows all threads at once; try it.
  tour-ends
end

say A client of /wire gets what the others do, unasked. This tour looks at the thread that sends it, and
say at the ring it takes events from. (The page opens /wire by itself.)
tour-begins
