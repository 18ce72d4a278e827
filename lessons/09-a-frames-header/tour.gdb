# Lesson 9, a frame's header: two bytes, bit by bit, and three forms of a length.

tbreak read_header
commands
  silent
  here
  say The server is about to read a frame and knows nothing about it. c lets it run until two bytes
  say have arrived and frame_decode_start has taken them apart.
end

tbreak check_rules
commands
  silent
  here
  say The whole frame waits in the read buffer; the caret is at its first byte. x/2xb shows two bytes
  say of memory in hex; frame-bits draws them (see help frame-bits).
  your-turn stream
  your-turn x/2xb ws->stream->in + ws->stream->in_start
  your-turn frame-bits
  say p shows the same: the bits as fields of a struct.
  your-turn p frame->opcode
  your-turn p frame->length
  your-turn p frame->header_size
  say Up to 125, the 7 bits are the length itself.
  ask The next message is 300 bytes long. What do the 7 bits say?
end

tbreak read_length if frame->length == 126
commands
  silent
  here
  say This message is longer. The 7 bits say 126, so the length is in the next 2 bytes.
  your-turn p frame->length
  your-turn finish
  your-turn frame-bits
  say The most significant byte comes first: 0x01 * 256 + 0x2c.
  ask And for 70,000 bytes, which do not fit into 2 bytes of length?
end

tbreak read_length if frame->length == 127
commands
  silent
  here
  say This one is longer than 65,535 bytes. The 7 bits say 127, and 8 more bytes hold the length.
  your-turn finish
  your-turn frame-bits
  your-turn p frame->header_size
  say This header is 14 bytes long, the most there can be: 2, 8 of length, and 4 of masking key.
  tour-ends
end

say A length has three forms, and this tour stops at each: for a short text, for one of about 300
say characters, and for a large one. (With a browser: send these three; the last is "large" on the page.)
tour-begins
