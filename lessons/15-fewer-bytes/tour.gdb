# Lesson 15, fewer bytes: an offer, a text that comes compressed, and one that goes so.

tbreak add_parameter
commands
  silent
  here
  say The client offers permessage-deflate. This is a parameter of its offer.
  your-turn p (char *)p->name
  your-turn p p->has_value
  say Without a value, it means: you may limit my window. This is the offer so far, still empty:
  your-turn p *offer
  your-turn finish
end

tbreak deflate_response
commands
  silent
  here
  say The offer was accepted. What this function returns goes into the 101: no message will refer to an earlier one.
  your-turn finish
end

tbreak is_compressed if frame->rsv != 0
commands
  silent
  here
  say A frame has arrived. In lesson 9, one of its bits was an error.
  your-turn frame-bits
end

tbreak inflate_piece if ws->message.length == 0
commands
  silent
  here
  say Its payload, without the mask. No message has come out of it yet.
  your-turn p length
  your-turn x/7xb piece
  your-turn message
  ask Does inflate need more than these 7 bytes?
end

tbreak inflate_piece if ws->message.length > 0
commands
  silent
  here
  say The message is there. The next piece is the four bytes that the client has removed.
  your-turn message
  your-turn x/4xb piece
end

tbreak deflate_compress
commands
  silent
  here
  say The first message was too short to be worth compressing, and was echoed as it is. This one is not.
  your-turn p length
end

tbreak write_frame if opcode >= 0x40
commands
  silent
  here
  say The compressed message goes out as a frame. 0x41 is the opcode of a text, with RSV1 before it.
  your-turn p length
  your-turn p/x opcode
  tour-ends
end

say An extension is agreed on, and a message crosses the wire compressed, once in each direction.
say (From the page, send Hello, and then a text of 300 characters or more that repeats itself.)
tour-begins --compress
