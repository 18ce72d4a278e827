// An echo server made with Boost.Beast, in its synchronous form: a thread for each client that
// blocks, as in this project. A message is one frame, and there is no limit on its length. With
// --compress, it compresses as this project's server does, but also what is short. After Beast's own
// example "websocket/server/sync".
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <iostream>
#include <thread>

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = boost::asio::ip::tcp;

static websocket::permessage_deflate compression()
{
    websocket::permessage_deflate options;

    options.server_enable = true;
    options.server_max_window_bits = 13;
    options.server_no_context_takeover = true;
    options.client_no_context_takeover = true;
    options.compLevel = 6;
    options.memLevel = 6;
    return options;
}

static void echo(tcp::socket socket, bool compress)
{
    try {
        socket.set_option(tcp::no_delay(true));
        websocket::stream<tcp::socket> client{std::move(socket)};
        client.auto_fragment(false);
        client.read_message_max(0);
        if (compress)
            client.set_option(compression());
        client.accept();
        for (beast::flat_buffer buffer;;) {
            buffer.clear();
            client.read(buffer);
            client.text(client.got_text());
            client.write(buffer.data());
        }
    } catch (const std::exception &) {
        // the client has gone
    }
}

int main(int argc, char **argv)
{
    bool compress = argc > 1 && std::string(argv[1]) == "--compress";
    boost::asio::io_context context{1};
    tcp::acceptor acceptor{context, {boost::asio::ip::make_address("127.0.0.1"), 0}};

    acceptor.listen(4096);
    std::cout << "listening on http://127.0.0.1:" << acceptor.local_endpoint().port() << "/"
              << std::endl;
    for (;;)
        std::thread(echo, acceptor.accept(), compress).detach();
}
