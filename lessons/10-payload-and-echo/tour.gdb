# Lesson 10, payload and echo: the mask is taken off, seen by a watchpoint, and the reply has none.

tbreak frame_unmask
commands
  silent
  here
  say A payload has come, with the mask on. Here are its 5 bytes, and the 4 of the key (x/16xb would
  say show 16).
  your-turn x/5xb bytes
  your-turn x/4xb key
  say A watchpoint stops when memory changes, whoever changes it. -l: this place, whatever its name.
  your-turn watch -l bytes[0]
  your-turn c
  say The first byte has changed. It is exclusive or, bit by bit; compute it yourself:
  your-turn p/x 0x7f ^ 0x37
  your-turn p/c bytes[0]
  say delete takes the watchpoint away ($bpnum is the number of the newest); finish does the others.
  your-turn delete $bpnum
  your-turn finish
  your-turn x/5cb ws->message.bytes
  say The message is readable. How far from the beginning of the read buffer does it lie?
  your-turn p ws->message.bytes - ws->stream->in
  say It lies where it was received, after the 6 bytes of its header. c: it is sent back.
end

tbreak write_frame
commands
  silent
  here
  your-turn p opcode
  your-turn p length
  say The same opcode and the same bytes. c: the header has been made then.
  your-turn tbreak stream_write
  your-turn c
  here
  say Header and payload are to be sent together. The header is the caller's: up.
  your-turn up
  your-turn frame-bits header
  say A server does not mask: the payload is sent as it is.
  tour-ends
end

say This tour looks at a payload while its mask is taken off, and at the reply. (With a browser: send
say Hello.)
tour-begins
