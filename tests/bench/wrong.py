"""An echo that is wrong: each 1000th byte comes back changed."""
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
client, _ = listener.accept()
count = 0
while data := bytearray(client.recv(500)):
    for i in range(len(data)):
        count += 1
        data[i] ^= count % 1000 == 0
    client.sendall(data)
