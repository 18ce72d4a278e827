# Lesson 5, the page: the head waits in the buffer, and one send takes head and file.

tbreak send_file
commands
  silent
  here
  say The request is whole, and for one of the page's files.
  your-turn p file->path
  your-turn p file->type
  say c: the response's head comes first.
end

tbreak stream_write
commands
  silent
  here
  say These bytes are the head. The flags say that something follows soon, so they may wait for it.
  say finish runs to the function's end; stream shows the buffers then.
  your-turn p (enum stream_flags)flags
  your-turn finish
  your-turn stream
  say Nothing was sent yet. The head waits in the write buffer.
end

break stream_write
ignore $bpnum 1
commands
  silent
  here
  say Now the file's bytes, and nothing is to follow: no flag is set. c: both will be sent.
  your-turn p first_length
  your-turn p flags
end

tbreak send_all_locked
commands
  silent
  here
  say Head and file lie together in the write buffer, and one send takes them. (A large file does not
  say fit there: then the head is sent first, with MSG_MORE, and the file from where it lies.)
  your-turn p length
  your-turn bt 5
  your-turn finish
end

tbreak stream_linger
commands
  silent
  here
  say All is sent. Here the server ends its direction (shutdown), and waits a moment for the client to
  say end too: whoever closes at once may lose what is still on its way.
  your-turn stream
  tour-ends
end

say A plain request gets one of the page's files: a head and the file. This tour looks at when they
say are sent.
tour-begins
