# Lesson 12, messages: a character cut in two by a frame's end, and a text that is none.

tbreak frame_check_utf8
commands
  silent
  here
  say The first fragment: n, and the first byte of an e with an accent, which takes two.
  your-turn x/2xb bytes
  your-turn finish
  say 0: no mistake so far. A character that is not whole yet is none.
end

break join_fragment
ignore $bpnum 1
commands
  silent
  here
  say The next fragment: opcode 0, continuation. The check knows that a byte is missing, and between
  say which two values it must lie.
  your-turn message
  your-turn p/x ws->text
end

tbreak text_cut_off
commands
  silent
  here
  say FIN has come. Does the text end inside a character? message says: it does not.
  your-turn message
  your-turn finish
  say c: the next text is wrong.
end

tbreak check_utf8_byte if byte == 0xC0
commands
  silent
  here
  say No character may begin with 0xC0: it would write in two bytes what one can say.
  your-turn p/x byte
  your-turn finish
end

tbreak frame.c:wrong
commands
  silent
  here
  your-turn p code
  your-turn p problem
  say The code and the reason of the close frame that follows. bt 4: it was found while the payload
  say was read, before the frame's end.
  your-turn bt 4
  tour-ends
end

say Fragments of one text are joined, and checked as they come. (A browser sends no fragments and no
say wrong text: CLIENT=1 does.)
tour-begins
