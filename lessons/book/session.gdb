# One whole session, from accept to close: "Hello" is sent and echoed. For the book's cover.

tbreak accept_loop
commands
  silent
  here
  say The server listens. From now on the main thread waits in accept for the next client.
  ask A client connects. Who serves it, main itself?
end

tbreak start_worker
commands
  silent
  here
  say A client has connected. It gets a thread of its own, so that no client has to wait for another.
end

tbreak request_read
commands
  silent
  here
  say This is that thread. It reads the client's HTTP request line by line.
end

tbreak handshake_check
commands
  silent
  here
  say The request asks for a WebSocket. The server checks its method, version, key and origin.
end

tbreak handshake_accept_key
commands
  silent
  here
  say The server hashes the key together with a fixed text. The result proves that it knows WebSockets.
end

tbreak on_upgrade
commands
  silent
  here
  say The response is 101 Switching Protocols. It is the last of HTTP; frames follow.
end

tbreak check_rules
commands
  silent
  here
  say A frame has arrived. Two bytes say what it is and how long; then comes the masking key.
  ask How does the server get at the text under the mask?
end

tbreak frame_unmask
commands
  silent
  here
  say The client has combined each byte of the payload with a byte of the key. Doing it again undoes it.
  ask Does the server mask its reply?
end

tbreak frame_write
commands
  silent
  here
  say The message is "Hello". The server sends it back in a frame of its own, which has no mask.
end

tbreak handle_close
commands
  silent
  here
  say The client sends a Close frame. The server replies with the same code.
end

tbreak stream_linger
commands
  silent
  here
  say Nothing may follow a Close frame. The server shuts down its side, and waits for the client to close too.
end

tbreak end_client
commands
  silent
  here
  say Both sides are closed. The thread frees what belongs to the client, and ends.
  tour-ends
end

say One session, from accept to close: a client connects, sends Hello, gets it back, and leaves. Drag the
say slider, or use the arrow keys.
tour-begins
