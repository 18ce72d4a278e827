// The npm package ws as a server that echoes, for the checks to be tried on: a good
// server that was not written for them. $PORT is its port.
//
//   SERVER="node tests/peers/foreign-ws.mjs" make check LESSON=10

import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.env.PORT), maxPayload: 1048576 });

server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => {}); // it has closed the connection, with the right code
});
server.on('listening', () => console.log(`listening on http://127.0.0.1:${server.address().port}/`));
