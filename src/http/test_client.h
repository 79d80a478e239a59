#pragma once
// For tests: a blocking HTTP client that sends exactly the bytes that it is told to and shows
// exactly what comes back.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http::test {

struct Reply {
    unsigned status = 0;
    std::map<std::string, std::string> fields;  // names in lower case
    std::string body;
};

class Client {
  public:
    static Client tcp(std::uint16_t port);
    static Client tls(std::uint16_t port);
    static Client unix_domain(const std::string& path);
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) = delete;

    // False once the server no longer takes bytes.
    bool send(std::string_view bytes);
    // The next reply; nullopt if the connection ends, or rests for a long time, before it is whole.
    // The reply to a HEAD has no body whatever its fields say.
    std::optional<Reply> receive(bool to_head = false);
    std::optional<Reply> ask(std::string_view bytes) {
        send(bytes);
        return receive();
    }
    // Some bytes of what is sent; empty at the end.
    std::string receive_some();
    // Whether the server ends the connection, and sends nothing more before.
    bool ended();
    // Nothing more will be sent.
    void finish();

    // Of TLS: the certificate's serial number, and the protocol that ALPN chose.
    std::string serial() const;
    std::string protocol() const;

  private:
    struct State;
    explicit Client(std::unique_ptr<State> state);
    // False at the end.
    bool read_more();
    bool receive_bytes(std::string& out, std::size_t count);
    bool receive_chunks(std::string& out);

    std::unique_ptr<State> state_;
    std::string received_;
};

}  // namespace weir::http::test
