# Lesson 7, the accept key: from the key to 20 bytes to Base64.

tbreak handshake_accept_key
commands
  silent
  here
  say The client's key, as its header field had it: 16 random bytes, written in Base64.
  your-turn p key
  say It is not decoded: its 24 characters go into SHA-1 as they are, then the fixed text. n runs a line.
  your-turn n
  your-turn n
  your-turn p text
  your-turn n
  your-turn n
  say SHA-1 is done. It has left 20 bytes: x looks at memory; /20xb says 20 times, in hex, bytes.
  your-turn x/20xb digest
  say finish: the same 20 bytes, written in Base64 as 28 characters, are in the caller's accept.
  your-turn finish
  your-turn p accept
  say c runs on to the response.
end

tbreak write_head
commands
  silent
  here
  say The response that carries it. printf of gdb's own shows a text with its lines.
  your-turn printf "%s", head
  say The browser computes the same from its own key, and compares. This key is the example of
  say RFC 6455, section 1.3: compare the digest there.
  tour-ends
end

say One function makes the accept key. This tour goes through it line by line.
tour-begins
