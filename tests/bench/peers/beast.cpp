// An echo server made with Boost.Beast, in its synchronous form: a thread for each client that
// blocks, as in this project. A message is one frame, and there is no limit on its length. After
// Beast's own example "websocket/server/sync".
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <iostream>
#include <thread>

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = boost::asio::ip::tcp;

static void echo(tcp::socket socket)
{
    try {
        socket.set_option(tcp::no_delay(true));
        websocket::stream<tcp::socket> client{std::move(socket)};
        client.auto_fragment(false);
        client.read_message_max(0);
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

int main()
{
    boost::asio::io_context context{1};
    tcp::acceptor acceptor{context, {boost::asio::ip::make_address("127.0.0.1"), 0}};

    acceptor.listen(4096);
    std::cout << "listening on http://127.0.0.1:" << acceptor.local_endpoint().port() << "/"
              << std::endl;
    for (;;)
        std::thread(echo, acceptor.accept()).detach();
}
