// An echo server made with npm's ws: an event loop, in JavaScript. The limit on messages is raised to
// what the benchmark sends. With --compress, it compresses as this project's server does. Under /chat,
// each message goes to all who are there: ws has no rooms, so its documentation says to loop.
import { WebSocketServer } from "ws";

const compression = {
  zlibDeflateOptions: { level: 6, memLevel: 6 },
  serverMaxWindowBits: 13,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  threshold: 256,
};
const server = new WebSocketServer(
  {
    host: "127.0.0.1",
    port: 0,
    backlog: 4096,
    maxPayload: 64 * 1024 * 1024,
    perMessageDeflate: process.argv[2] === "--compress" && compression,
  },
  () => console.log(`listening on http://127.0.0.1:${server.address().port}/`),
);

function say(name, message) {
  const text = `${name}: ${message}`;
  for (const client of server.clients) client.send(text);
}

server.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/chat") {
    socket.on("message", (message) => say(url.searchParams.get("name"), message));
  } else {
    socket.on("message", (message, binary) => socket.send(message, { binary }));
  }
  socket.on("error", () => {}); // the client has gone
});
