# Lesson 3, a stream, not packets: a line that comes with two recvs.

tbreak stream_read_line
commands
  silent
  here
  say Somebody wants a line. stream shows what has come so far: the read buffer, and the write buffer.
  your-turn stream
  say Nothing has come, so this function will call stream_fill. c runs to there.
end

tbreak stream_fill
commands
  silent
  here
  say It waits here until bytes come. finish runs to the end of this function, and then, stream again.
  your-turn finish
  your-turn stream
  say One recv has returned 13 bytes, half a line. The caret is under the byte that is read next.
  say c lets stream_read_line take these bytes.
end

break stream_fill
ignore $bpnum 1
commands
  silent
  here
  say stream_fill again: the 13 bytes were taken, and no line ended among them. They are not lost. up
  say goes to the caller, which has put them into line. (p *line@*length prints that many bytes of it.)
  your-turn up
  your-turn p *line@*length
  say c: the next recv brings the rest.
end

tbreak trace_line
commands
  silent
  here
  say The line is whole, without its end, and is being recorded. From here on, nobody can see that it
  say came in two pieces.
  your-turn p line
  say 7 of the 26 bytes were taken. The other 19 wait for the next line, which needs no recv.
  your-turn stream
  tour-ends
end

say A byte stream has no borders: a line may need two recvs, and one recv may bring two lines. This
say tour looks at the buffer between recv and the line. (A browser sends its request in one piece.)
tour-begins
