# Lesson 6, is it an upgrade?: the checks, one by one; the first request fails one.

tbreak handshake_check
commands
  silent
  here
  say This request asks for a WebSocket: its Upgrade field lists websocket. But is it valid?
  your-turn request
  say Do you see the mistake? c runs on to the check that does.
end

tbreak request_lists if token[0] == 'u'
commands
  silent
  here
  say Does a header field of this name list this token? finish shows what the function returns.
  your-turn p name
  your-turn p token
  your-turn finish
end

tbreak handshake.c:fail
commands
  silent
  here
  say The check fails. (Several files have a function fail; this is the one in handshake.c.)
  your-turn p status
  your-turn p reason
  say The response will have this status, and this sentence as its body. Now for the second request.
end

tbreak is_key
commands
  silent
  here
  say The second request has come this far, so its version and its Connection are valid. Its key:
  your-turn p key
  your-turn finish
end

tbreak check_origin
commands
  silent
  here
  say The third question: whose page is asking? This client is not a browser and sends no Origin.
  ask Is it rejected for that?
  your-turn finish
end

tbreak write_head if *head == 'H' && head[9] == '1'
commands
  silent
  here
  say All checks have passed, so the response is 101, Switching Protocols. (x/s prints a string.)
  your-turn x/s head
  tour-ends
end

say Two requests ask for a WebSocket, and this tour stops at the checks. The first one is not valid.
tour-begins
