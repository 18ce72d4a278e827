# Lesson 11, control frames: a ping in the middle of a message, and the closing handshake.

tbreak answer_control
commands
  silent
  here
  say A control frame, in the middle of a message that comes in two fragments.
  your-turn frame-bits
  say The message waits meanwhile: message shows what has been gathered of it.
  your-turn message
  say The ping's payload lies elsewhere, in ws->control, so it does not get in the message's way.
  your-turn p *ws->control@frame->length
  say It goes back in a pong. c: then the second fragment comes.
end

tbreak frame_write if opcode == 1
commands
  silent
  here
  say The message is whole, and is echoed as one frame. The ping has not harmed it.
  your-turn message
end

tbreak answer_close
commands
  silent
  here
  say A close frame has come: two bytes of code, the most significant first, and a reason.
  your-turn p *ws->control@length
  your-turn p ws->control[0] * 256 + ws->control[1]
end

tbreak say_last_word
commands
  silent
  here
  say The same code and reason go back. It is the last word: nothing is sent behind it.
  your-turn frame-bits
  your-turn x/7xb word->bytes
end

tbreak stream_finish
commands
  silent
  here
  say Both have said close. The server ends the connection first, as RFC 6455 section 7.1.1 wants it:
  say the close frame waits in the write buffer, and goes now.
  your-turn stream
  tour-ends
end

say A ping may stand between two fragments, and a close frame wants an answer. (The page cannot send
say pings or fragments: browsers do that by themselves, if at all. CLIENT=1 shows them.)
tour-begins
