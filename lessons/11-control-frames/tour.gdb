# Lesson 11, control frames: a ping in the middle of a message, and the closing handshake.

tbreak handle_control
commands
  silent
  here
  say This control frame arrives in the middle of a message, between two fragments.
  your-turn frame-bits
  say The message waits. The command message shows what has been read of it.
  your-turn message
  say The ping's payload has a place of its own, ws->control, so it does not disturb the message.
  your-turn p *ws->control@frame->length
  say The payload goes back in a pong. c runs on until the second fragment has been read.
  ask Is any of the first fragment lost?
end

tbreak write_frame if opcode == 1
commands
  silent
  here
  say The message is complete, and is echoed as one frame. The ping has not harmed it.
  your-turn message
end

tbreak handle_close
commands
  silent
  here
  say A Close frame has arrived: two bytes of code, the most significant first, and a reason.
  your-turn p *ws->control@length
  your-turn p ws->control[0] * 256 + ws->control[1]
  ask What does the server reply?
end

tbreak stream_write if flags == STREAM_LAST
commands
  silent
  here
  say The same code and reason go back, without a mask. The flag says that nothing may follow.
  your-turn frame-bits first
  your-turn x/5xb second
  your-turn p (enum stream_flags)flags
end

tbreak stream_linger
commands
  silent
  here
  say The Close frame has been sent, and the stream drops later writes. The server closes its half
  say first, as RFC 6455 section 7.1.1 asks; then it reads until the client has closed the other.
  your-turn p s->closed
  your-turn stream
  tour-ends
end

say A ping may come between two fragments, and a Close frame needs a reply. (The page cannot send
say pings or fragments: browsers do that by themselves, if at all. CLIENT=1 shows them.)
tour-begins
