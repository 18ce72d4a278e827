# Lesson 5, the page: the head waits for company, and one send takes all along.

tbreak send_file
commands
  silent
  here
  say The request is whole, and for one of the page's files.
  your-turn p resource->file
  say c: the response's head comes first.
end

tbreak stream_write
commands
  silent
  here
  say These bytes are the head. more is true: something follows soon, so they may wait for it. finish
  say runs to the function's end; stream shows the buffers then.
  your-turn p more
  your-turn finish
  your-turn stream
  say Nothing was sent yet. The head waits in the write buffer.
end

break stream_write
ignore $bpnum 1
commands
  silent
  here
  say Now the file's bytes, and nothing is to follow. c: both will be sent.
  your-turn p first_length
  your-turn p more
end

tbreak send_all_locked
commands
  silent
  here
  say Head and file lie together in the write buffer, and one send takes them. (A large file does not
  say fit there: then the head is sent first, with MSG_MORE, and the file from where it lies.)
  your-turn p length
  your-turn bt 4
  your-turn finish
end

tbreak stream_finish
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
