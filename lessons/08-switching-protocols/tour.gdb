# Lesson 8, switching protocols: the 101, and a frame that came with the request.

tbreak handshake_switch
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
  say The answer, 101. more is true where there is still something to read: then another answer
  say follows soon, and this one may wait for it.
  your-turn p first_length
  your-turn p more
end

tbreak on_upgrade
commands
  silent
  here
  say Three things are handed over: the request, the socket, and the head.
  your-turn p request->path
  your-turn p socket->fd
  your-turn p head->length
  your-turn x/11xb head->bytes
  say They are the frame, byte by byte; lesson 9 reads its header. Here they are only looked at: they
  say still lie in the stream.
end

tbreak frame_read_header
commands
  silent
  here
  say The request has done its work, and frames are read from the same stream. finish: the header
  say is there without a recv.
  your-turn finish
  your-turn stream
  say 6 bytes of header were given out; the 101 still waits to be sent, with the answer.
  tour-ends
end

say The answer 101 is the last thing said in HTTP. This tour looks at what is handed over then.
tour-begins
