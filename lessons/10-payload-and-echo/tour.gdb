# Lesson 10, payload and echo: the mask is taken off, seen by a watchpoint, and the reply has none.

tbreak frame_unmask
commands
  silent
  here
  say A payload has arrived, masked. Here are its 5 bytes, and the 4 of the key (x/16xb would
  say show 16).
  your-turn x/5xb bytes
  your-turn x/4xb key
  say A watchpoint stops when memory changes, whoever changes it. -l means: this place in memory.
  your-turn watch -l bytes[0]
  ask The byte is 0x7f, and the key begins with 0x37. What does it become?
  your-turn c
  say The first byte has changed, by exclusive or. Compute it yourself:
  your-turn p/x 0x7f ^ 0x37
  your-turn p/c bytes[0]
  say delete removes the watchpoint ($bpnum is its number), and finish unmasks the other bytes.
  your-turn delete $bpnum
  your-turn finish
  your-turn x/5cb ws->message.bytes
  say The message is readable. How far is it from the beginning of the read buffer?
  your-turn p ws->message.bytes - ws->stream->in
  say It is where it was received, after the 6 bytes of its header. c runs to where it is sent back.
end

tbreak write_frame
commands
  silent
  here
  your-turn p opcode
  your-turn p length
  say The opcode and the bytes are the same. c runs on until the header has been made.
  ask Is the reply masked as well?
  your-turn tbreak stream_write
  your-turn c
  here
  say Header and payload will be sent together. The header is in the calling function: up.
  your-turn up
  your-turn frame-bits header
  say A server does not mask: the payload is sent as it is.
  tour-ends
end

say This tour looks at a payload while its mask is taken off, and at the reply. (With a browser: send
say Hello.)
tour-begins
