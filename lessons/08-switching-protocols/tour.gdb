# Lesson 8, switching protocols: the 101, and a frame that came with the request.

tbreak switch_protocols
commands
  silent
  here
  say The request is valid. This client is in a hurry: its first frame came with the same recv.
  your-turn stream
  say The bytes that wait are the head, as Node.js calls it. c runs to where the 101 is written.
  ask Is the 101 sent at once?
end

tbreak stream_write
commands
  silent
  here
  say This writes the 101. STREAM_MORE is among the flags because the head is not empty: a reply
  say follows soon, and the 101 may wait for it.
  your-turn p first_length
  your-turn p (enum stream_flags)flags
end

tbreak on_upgrade
commands
  silent
  here
  say Three objects are passed on: the request, the socket, and the head. (And the route: its handler
  say is the function that will speak frames.)
  your-turn p request->path
  your-turn p socket->fd
  your-turn p head->length
  your-turn x/11xb head->bytes
  say These bytes are the frame. They are still in the read buffer, where lesson 9 will read its header.
  your-turn p route->handler
  ask The next function reads the frame's header. Does it call recv?
end

tbreak read_header
commands
  silent
  here
  say The request has been freed, and frames are read from the same stream. finish shows that the
  say header is there without a recv.
  your-turn finish
  your-turn stream
  say The header was read in the buffer, so all 11 bytes still wait. Lesson 10 reads the payload.
  say The 101 waits as well, to be sent together with the echo.
  tour-ends
end

say The 101 is the end of HTTP on this connection. This tour looks at what is passed on after it.
tour-begins
