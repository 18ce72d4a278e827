# Lesson 9, a frame's header: two bytes, bit by bit, and three forms of a length.

tbreak frame_read_header
commands
  silent
  here
  say A frame is wanted. struct frame is still empty; c runs on, until its first two bytes are read.
end

tbreak check_rules
commands
  silent
  here
  say x/2xb shows two bytes of memory in hex; frame-bits draws them (help frame-bits says how).
  your-turn x/2xb frame->header
  your-turn frame-bits
  say That is what p shows too: the bits as fields of a struct.
  your-turn p frame->opcode
  your-turn p frame->length
  say Up to 125, the 7 bits are the length itself.
end

tbreak read_length if frame->length == 126
commands
  silent
  here
  say A longer message. The 7 bits say 126: the length stands in the next 2 bytes.
  your-turn p frame->length
  your-turn finish
  your-turn frame-bits
  say The most significant byte comes first: 0x01 * 256 + 0x2c.
end

tbreak read_length if frame->length == 127
commands
  silent
  here
  say Longer than 65535 bytes: 127, and 8 bytes more.
  your-turn finish
  your-turn frame-bits
  say The key's 4 bytes have not been read yet: n, a few times, reads them.
  tour-ends
end

say A length has three forms, and this tour stops at each: for a short text, for one of some 300
say letters, and for a large one. (With a browser: send these three; "large" on the page is the last.)
tour-begins
