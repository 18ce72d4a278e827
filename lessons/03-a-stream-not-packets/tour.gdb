# Lesson 3, a stream, not packets: a line that comes with two recvs.

tbreak stream_read_line
commands
  silent
  here
  say A line is wanted. stream shows what has come so far: the read buffer, and the write buffer.
  your-turn stream
  say Nothing, so this function will call stream_fill, which calls recv once. c runs to there.
end

tbreak stream_fill
commands
  silent
  here
  say It will wait here until bytes come, however many. finish runs to its end; and then, stream.
  your-turn finish
  your-turn stream
  say Half a line: that is what one recv has brought. The caret stands under the byte that is read
  say next. c lets stream_read_line take these bytes.
end

break stream_fill
ignore $bpnum 1
commands
  silent
  here
  say Again: the bytes were taken, and there was no line's end among them. They are not lost: up goes
  say to the caller (down would go back), which has put them where the line will be. *length counts
  say them, and an at sign shows that many from here.
  your-turn up
  your-turn p *line@*length
  say c: this recv will bring the rest. (s, for step, is n that goes into the functions it comes to.)
end

tbreak parse_request_line
commands
  silent
  here
  say One line, whole, without its end. That it came in two parts is gone from here on.
  your-turn p line
  say What came behind it waits for the next stream_read_line, which will need no recv.
  your-turn stream
  tour-ends
end

say A stream has no borders: a line may come with two recvs, or two lines with one. This tour looks at
say the buffer between recv and the line. (With a browser you see the other case: all in one recv.)
tour-begins
