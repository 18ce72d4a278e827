# Lesson 4, the request: a line and headers fill struct request.

tbreak parse_request_line
commands
  silent
  here
  say The request's first line has been read. p shows a text with its address in front.
  your-turn p line
  say finish runs parse_request_line to its end; 0 is the good result. request shows what struct
  say request holds then.
  your-turn finish
  your-turn request
  say The target was taken apart: path and query. The bytes were not copied: null terminators were put
  say between the parts (gdb writes them \000), and the pointers lead to their beginnings.
  your-turn p r->text[0]@26
  say c runs on to the first header field.
end

tbreak parse_header
commands
  silent
  here
  your-turn p line
  your-turn finish
  say One more in the list.
  your-turn p r->headers[r->header_count - 1]
end

break parse_header if line[0] == 'A'
commands
  silent
  here
  say This stop has a condition: break parse_header if line[0] == 'A'.
  your-turn p line
  say Spaces around the value go. The name stays as it was sent: it is compared in any case later.
end

tbreak check_request
commands
  silent
  here
  say The empty line has come: the request is whole. What is left is to check it.
  your-turn request
  tour-ends
end

say Line by line, a request becomes a struct: this tour stops at its first line, at header fields, and
say when it is whole.
tour-begins
