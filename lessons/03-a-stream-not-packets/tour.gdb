# Lesson 3, a stream, not packets: a line that takes two recvs.

tbreak stream_read_line
commands
  silent
  here
  say The server needs a line. stream shows what has arrived: the read buffer, and the write buffer.
  your-turn stream
  say Nothing has arrived, so this function will call stream_fill. c runs to there.
end

tbreak stream_fill
commands
  silent
  here
  say It waits here until bytes arrive. finish runs to the end of the function. Then look at stream again.
  your-turn finish
  your-turn stream
  say One recv has returned 13 bytes, half a line. The caret is under the byte that is read next.
  say c lets stream_read_line take these bytes.
  ask What does the server do with half a line?
end

break stream_fill
ignore $bpnum 1
commands
  silent
  here
  say This is stream_fill again: the 13 bytes were taken, and none of them ends the line. up
  say goes to its caller, which has put them into line. (p *line@*length prints that many bytes of it.)
  your-turn up
  your-turn p *line@*length
  say c: the next recv brings the rest, and the line after it.
  ask Does that next line need another recv?
end

tbreak trace_line
commands
  silent
  here
  say The line is whole, without its end, and is being recorded. From here on, nobody can see that it
  say arrived in two pieces.
  your-turn p line
  say 7 of the 26 bytes were taken. The other 19 wait for the next line, which needs no recv.
  your-turn stream
  tour-ends
end

say A byte stream has no boundaries: a line may need two recvs, and one recv may bring two lines. This
say tour looks at the buffer between recv and the line. (A browser sends its request in one piece.)
tour-begins
