# Lesson 12, messages: a character cut in two by a frame's end, and a text that is not UTF-8.

tbreak utf8_check
commands
  silent
  here
  say The first fragment has n, and the first of the two bytes of an e with an accent.
  your-turn x/2xb bytes
  ask The frame ends inside a character. Is that a mistake?
  your-turn finish
  say 0: nothing is wrong so far. A character that is not complete yet is not a mistake.
end

tbreak join_fragment
ignore $bpnum 1
commands
  silent
  here
  say The next fragment has opcode 0, continuation. The check knows that a byte is missing, and between
  say which two values it must be.
  your-turn message
  your-turn p/x ws->text
end

tbreak check_text_end
commands
  silent
  here
  say FIN has arrived. Does the text end inside a character? The command message says that it does not.
  your-turn message
  your-turn finish
  say c: the next text is not UTF-8.
  ask It begins with 0xC0. Does the server wait for the byte after it?
end

tbreak check_byte if byte == 0xC0
commands
  silent
  here
  say No character begins with 0xC0: whatever it would encode already fits in one byte.
  your-turn p/x byte
  your-turn finish
end

tbreak frame.c:fail
commands
  silent
  here
  your-turn p code
  your-turn p reason
  say These are the code and the reason of the Close frame. bt 4 shows who found it. Every caller
  say now returns -1, up to on_upgrade in server.c, which sends the frame.
  your-turn bt 4
  tour-ends
end

say Fragments of one text are joined, and checked as they arrive. (A browser cuts only long messages,
say and sends no text that is not UTF-8: CLIENT=1 does.)
tour-begins
