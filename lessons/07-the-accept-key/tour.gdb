# Lesson 7, the accept key: from the key to 20 bytes to Base64.

tbreak handshake_accept_key
commands
  silent
  here
  say This is the client's key, as its header field had it: 16 random bytes in Base64.
  your-turn p key
  say Nobody decodes it. Its 24 characters go into SHA-1, and then the GUID. n runs a line.
  your-turn n
  your-turn n
  your-turn p text
  your-turn n
  your-turn n
  say SHA-1 has left 20 bytes. x shows memory, and /20xb means 20 bytes of it, in hex.
  your-turn x/20xb digest
  say Now finish writes these 20 bytes in Base64, into the caller's accept.
  ask libb64 adds a line feed. Where will it be?
  your-turn finish
  your-turn p accept
  say 28 characters. A null terminator has replaced the line feed after them. c runs on to the response.
end

tbreak write_head
commands
  silent
  here
  say This response carries the accept key. (gdb's own printf shows a string line by line.)
  your-turn printf "%s", head
  say The browser computes the same from its key, and compares. This key is the example of
  say RFC 6455, section 1.3, where you find the same digest.
  tour-ends
end

say One function makes the accept key. This tour goes through it line by line.
tour-begins
