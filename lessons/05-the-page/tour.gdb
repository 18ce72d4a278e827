# Lesson 5, the page: the head waits in the buffer, and one send takes head and file.

tbreak send_file
commands
  silent
  here
  say The request is whole, and it asks for one of the page's files.
  your-turn p file->path
  your-turn p file->type
  say c runs on to where the head of the response is written.
end

tbreak stream_write
commands
  silent
  here
  say This writes the head. The flag says that more follows soon, so the head may wait for it.
  say finish runs to the end of the function, and stream shows the buffers.
  your-turn p (enum stream_flags)flags
  your-turn finish
  your-turn stream
  say Nothing has been sent yet. The head waits in the write buffer.
end

break stream_write
ignore $bpnum 1
commands
  silent
  here
  say This writes the bytes of the file. No flag is set, because nothing follows. c runs on to the send.
  your-turn p first_length
  your-turn p flags
  ask How many sends do head and file need?
end

tbreak send_all_locked
commands
  silent
  here
  say Head and body are together in the write buffer: 432 and 317 bytes, and one send takes all 749.
  say (A large file does not fit. Then the head is sent first, and the file is never copied.)
  your-turn p length
  your-turn bt 5
  your-turn finish
end

tbreak stream_linger
commands
  silent
  here
  say Everything has been sent. Now the server shuts down its half and waits for the client to close
  say the other one, but not for long.
  your-turn stream
  tour-ends
end

say A client asks for a file and gets a head and a body. This tour looks at when these are sent.
tour-begins
