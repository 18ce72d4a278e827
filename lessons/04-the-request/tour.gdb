# Lesson 4, the request: a line and headers fill struct request.

tbreak parse_request_line
commands
  silent
  here
  say The request line has been read. p shows a string with its address in front.
  your-turn p line
  say finish runs parse_request_line to its end, and 0 means that all went well. request shows what
  say the struct holds now.
  ask Which byte of the line will be the end of the path?
  your-turn finish
  your-turn request
  say The target is now a path and a query. Nothing was copied: null terminators have replaced the
  say bytes between the parts. gdb prints them as \000.
  your-turn p r->text[0]@26
  say c runs on to the first header field.
end

tbreak parse_header
commands
  silent
  here
  your-turn p line
  your-turn finish
  say The field has been added to the list:
  your-turn p r->headers[r->header_count - 1]
  ask The next field is ACCEPT, with two spaces before its value. What is stored?
end

break parse_header if line[0] == 'A'
commands
  silent
  here
  say This stop has a condition: break parse_header if line[0] == 'A'.
  your-turn p line
  say The two spaces do not become part of the value. The name stays as it was sent, in capitals.
end

tbreak check_request
commands
  silent
  here
  say The empty line has arrived, so the request is whole. Now it is checked.
  your-turn request
  tour-ends
end

say Line by line, a request becomes a struct. This tour stops at the request line, at two header
say fields, and when the request is whole.
tour-begins
