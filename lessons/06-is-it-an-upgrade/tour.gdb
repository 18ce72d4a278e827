# Lesson 6, is it an upgrade?: the checks, one by one; the first request fails one.

tbreak handshake_check
commands
  silent
  here
  say This is a request for a WebSocket: there is an Upgrade field that lists websocket. Is it right?
  your-turn request
  say Do you see what is wrong with it? c runs on to the check that does.
end

tbreak request_lists if token[0] == 'u'
commands
  silent
  here
  say The question: does a header field of this name list this token? finish tells the result.
  your-turn p name
  your-turn p token
  your-turn finish
end

tbreak handshake.c:fail
commands
  silent
  here
  say So the check has failed. (Several files have a function fail; this is the one of handshake.c.)
  your-turn p status
  your-turn p reason
  say That is the response: this status, and this sentence as its text. c: the second request.
end

tbreak is_key
commands
  silent
  here
  say The second request has come this far: version and Connection are right. Its key, then:
  your-turn p key
  your-turn finish
end

tbreak check_origin
commands
  silent
  here
  say Last, whose page is asking? A program that is no browser sends no Origin, and that is fine.
  your-turn finish
end

tbreak switch_protocols
commands
  silent
  here
  say All checks have passed: from here on, it is a WebSocket.
  tour-ends
end

say Two requests ask for a WebSocket, and the checks are stops. The first request is not right.
tour-begins
