# Lesson 13, the server speaks first: the two threads of a client of the chat, and the ring in between.

tbreak send_messages
commands
  silent
  here
  say Bob's second thread begins. His worker, which has started it, waits in recv for what Bob says. It
  say cannot wait for what others say as well: a thread can wait in only one place.
  your-turn x/s ((struct sender *)argument)->ws->source->name
  say c: then Ada joins and says Hello.
end

tbreak say
commands
  silent
  here
  say Ada's worker has read her message. It will publish it, but it will not send it to anybody.
  your-turn message
  your-turn clients
  say Two senders sleep on the condition published, in broadcast_next. Stop next where one of them
  say has something to send.
  your-turn tbreak frame_write
  ask Does a sender hold the ring's lock while it sends?
  your-turn c
  here
  say A sender is awake and has a copy of the message. It does not hold the ring's lock while it
  say sends, so a client that does not read holds up nobody.
  your-turn p *(char *)payload@length
  say The ring knows nothing about its subscribers. It knows the number of the next message, and what is in
  say its slots: bob has joined, ada has joined, and this.
  your-turn p 'chat.c'::room.next
  your-turn p *'chat.c'::room.slots[2].bytes@'chat.c'::room.slots[2].size
  say bt 3 shows who sends it.
  your-turn bt 3
  tour-ends
end

say Two clients of the chat, and what Ada says on its way to both. Each client has two threads.
tour-begins
