# Lesson 12, messages: a character cut in two by a frame's end, and a text that is not UTF-8.

tbreak utf8_check
commands
  silent
  here
  say The first fragment: n, and the first byte of an e with an accent, which takes two.
  your-turn x/2xb bytes
  your-turn finish
  say 0: nothing is wrong so far. A character that is not complete yet is no mistake.
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

tbreak check_text_end
commands
  silent
  here
  say FIN has come. Does the text end inside a character? message says: it does not.
  your-turn message
  your-turn finish
  say c: the next text is not UTF-8.
end

tbreak check_byte if byte == 0xC0
commands
  silent
  here
  say No character may begin with 0xC0: two bytes would say what one byte can say.
  your-turn p/x byte
  your-turn finish
end

tbreak frame.c:fail
commands
  silent
  here
  your-turn p code
  your-turn p reason
  say The code and the reason of the Close frame that follows. bt 4 shows who found it: every caller
  say now returns -1, up to on_upgrade in server.c, which sends the frame.
  your-turn bt 4
  tour-ends
end

say Fragments of one text are joined, and checked as they come. (A browser cuts only long messages, and
say sends no text that is not UTF-8: CLIENT=1 does.)
tour-begins
