# Lesson 11, control frames: a ping in the middle of a message, and the closing handshake.

tbreak handle_control
commands
  silent
  here
  say A control frame, in the middle of a message that comes in two fragments.
  your-turn frame-bits
  say The message waits meanwhile: message shows what has been read of it.
  your-turn message
  say The ping's payload lies elsewhere, in ws->control, so it does not get in the message's way.
  your-turn p *ws->control@frame->length
  say It goes back in a pong. c: then the second fragment comes.
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
  say A Close frame has come: two bytes of code, the most significant first, and a reason.
  your-turn p *ws->control@length
  your-turn p ws->control[0] * 256 + ws->control[1]
end

tbreak stream_write if flags == STREAM_LAST
commands
  silent
  here
  say The same code and reason go back, in a frame without a mask. The flag says: nothing may follow.
  your-turn frame-bits first
  your-turn x/5xb second
  your-turn p (enum stream_flags)flags
end

tbreak stream_linger
commands
  silent
  here
  say The Close frame has been sent, and the stream takes nothing more. The server ends the connection
  say first, as RFC 6455 section 7.1.1 wants it; then it reads until the client has ended too.
  your-turn p s->closed
  your-turn stream
  tour-ends
end

say A ping may come between two fragments, and a Close frame wants a reply. (The page cannot send
say pings or fragments: browsers do that by themselves, if at all. CLIENT=1 shows them.)
tour-begins
