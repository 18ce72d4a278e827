// An echo server made with npm's ws: an event loop, in JavaScript. Compression is off, as it is by
// default; the limit on messages is raised to what the benchmark sends.
import { WebSocketServer } from "ws";

const server = new WebSocketServer(
  { host: "127.0.0.1", port: 0, backlog: 4096, maxPayload: 64 * 1024 * 1024 },
  () => console.log(`listening on http://127.0.0.1:${server.address().port}/`),
);
server.on("connection", (socket) => {
  socket.on("message", (message, binary) => socket.send(message, { binary }));
  socket.on("error", () => {}); // the client has gone
});
