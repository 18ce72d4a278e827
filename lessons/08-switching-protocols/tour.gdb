# Lesson 8, switching protocols: the 101, and a frame that came with the request.

tbreak switch_protocols
commands
  silent
  here
  say The request is checked. This client was in a hurry: its first frame came with the same recv.
  your-turn stream
  say What waits is no line any more: it is the head, as Node.js calls it. c: the 101 is written.
end

tbreak stream_write
commands
  silent
  here
  say The response, 101. STREAM_MORE is among the flags if there is still something to read: then a
  say reply follows soon, and the 101 may wait for it.
  your-turn p first_length
  your-turn p (enum stream_flags)flags
end

tbreak on_upgrade
commands
  silent
  here
  say Three things are handed over: the request, the socket, and the head. (And the route: its handler
  say is the function that will speak frames.)
  your-turn p request->path
  your-turn p socket->fd
  your-turn p head->length
  your-turn x/11xb head->bytes
  say They are the frame, byte by byte; lesson 9 reads its header. Here they are only looked at: they
  say still lie in the stream.
  your-turn p route->handler
end

tbreak read_header
commands
  silent
  here
  say The request has done its work, and frames are read from the same stream. finish: the header
  say is there without a recv.
  your-turn finish
  your-turn stream
  say The header was read where it lies, so all 11 bytes still wait: the payload is next (lesson 10).
  say The 101 waits as well, to be sent together with the echo.
  tour-ends
end

say The 101 is the last that HTTP has to say. This tour looks at what is handed over after it.
tour-begins
