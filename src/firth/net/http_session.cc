#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <type_traits>

#include "firth/common/logging.h"
#include "firth/net/http_session_internal.h"

namespace firth::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;

/// The first read of a request asks for this much; a body's reads for the other.
constexpr size_t kFirstReadBytes = 4 << 10;
constexpr size_t kBodyReadBytes = 64 << 10;
/// A body that is taken piece by piece comes in pieces of this size.
constexpr size_t kPieceBytes = 512 << 10;
/// A response is written in runs of this size, each with a deadline of its own.
constexpr size_t kWriteBytes = 1 << 20;
/// A client whose request was refused before it was read gets this long to stop sending.
constexpr auto kLinger = std::chrono::seconds(2);
/// The first byte of a TLS client's greeting; no HTTP method begins with it.
constexpr char kTlsHandshake = 0x16;

/// Await with the error in a variable instead of an exception.
auto Into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

/// Run `work` on the executor and come back to this loop with what it returned.
template <typename T>
asio::awaitable<T> RunOn(Executor* executor, std::function<T()> work) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(T)>(
      [executor](auto handler, std::function<T()> body) {
        auto back = asio::get_associated_executor(handler);
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        executor->Post([back, resume, body = std::move(body)]() mutable {
          auto result = std::make_shared<T>(body());
          body = nullptr;
          asio::post(back, [moved = std::move(resume), result] { (*moved)(std::move(*result)); });
        });
      },
      asio::use_awaitable, std::move(work));
}

/// Come back to this loop with the answer that `response` promises.
asio::awaitable<HttpResponse> AnswerOf(Executor* executor, HttpResponse response) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(HttpResponse)>(
      [executor](auto handler, auto later) {
        auto back = asio::get_associated_executor(handler);
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        executor->Post([back, resume, later = std::move(later)] {
          later([back, resume](HttpResponse answer) {
            auto result = std::make_shared<HttpResponse>(std::move(answer));
            asio::post(back, [resume, result] { (*resume)(std::move(*result)); });
          });
        });
      },
      asio::use_awaitable, std::move(response.later));
}

bool WriteTo(HttpBodySink* sink, const std::string& piece) {
  try {
    return sink->Write(piece).ok();
  } catch (const std::exception& thrown) {
    logging::Error("net", "a body could not be taken: {}", thrown.what());
    return false;
  }
}

/// The next piece of a streamed body.
Result<std::string> NextPiece(const HttpResponse* response) {
  try {
    return response->stream();
  } catch (const std::exception& thrown) {
    return Error(Code::kInternal, Reason::kNone, thrown.what());
  }
}

}  // namespace

HttpSession::HttpSession(std::shared_ptr<HttpShared> shared, Socket socket)
    : shared_(std::move(shared)),
      tcp_(std::move(socket)),
      buffer_(shared_->options.header_bytes_max + kBodyReadBytes) {
  PrepareSocket(&tcp_.socket());
  error_code gone;
  peer_ = FormatEndpoint(tcp_.socket().remote_endpoint(gone));
}

void HttpSession::Begin(std::function<void(HttpSession*)> on_gone) {
  on_gone_ = std::move(on_gone);
  asio::co_spawn(tcp_.get_executor(), Run(),
                 [self = shared_from_this()](const std::exception_ptr& thrown) {
                   if (thrown) logging::Error("net", "a connection from {} failed", self->peer_);
                   self->Close();
                   std::exchange(self->on_gone_, nullptr)(self.get());
                 });
}

void HttpSession::Drain() {
  draining_ = true;
  if (idle_) Close();
}

void HttpSession::Close() {
  tcp_.close();
}

asio::awaitable<void> HttpSession::Run() {
  if (!co_await ReadFirst()) co_return;
  const auto first = static_cast<const char*>(buffer_.data().data());
  if (shared_->tls && *first == kTlsHandshake) {
    co_await RunTls();
  } else {
    co_await Serve(&tcp_);
  }
}

/// Wait for the first bytes, which tell TLS from plaintext.
asio::awaitable<bool> HttpSession::ReadFirst() {
  tcp_.expires_after(std::chrono::nanoseconds(shared_->options.idle_ns));
  error_code error;
  const size_t count = co_await tcp_.async_read_some(buffer_.prepare(kFirstReadBytes), Into(error));
  buffer_.commit(count);
  co_return !error && count > 0;
}

asio::awaitable<void> HttpSession::RunTls() {
  asio::ssl::stream<beast::tcp_stream&> tls(tcp_, *shared_->tls);
  tcp_.expires_after(std::chrono::nanoseconds(shared_->options.stall_ns));
  error_code error;
  const size_t used =
      co_await tls.async_handshake(asio::ssl::stream_base::server, buffer_.data(), Into(error));
  if (error) {
    logging::Debug("net", "TLS with {} failed: {}", peer_, error.message());
    co_return;
  }
  buffer_.consume(used);
  if (buffer_.size() > 0) co_return;  // bytes that no TLS client sends
  co_await Serve(&tls);
  tcp_.expires_after(kLinger);
  co_await tls.async_shutdown(Into(error));
}

template <typename Stream>
asio::awaitable<void> HttpSession::Serve(Stream* stream) {
  while (!draining_) {
    if (buffer_.size() == 0) {
      buffer_ = beast::flat_buffer(buffer_.max_size());  // an idle connection holds no memory
      tcp_.expires_after(std::chrono::nanoseconds(shared_->options.idle_ns));
      error_code error;
      const size_t count =
          co_await stream->async_read_some(buffer_.prepare(kFirstReadBytes), Into(error));
      buffer_.commit(count);
      if (error) co_return;
    }
    idle_ = false;
    const bool again = co_await ServeOne(stream);
    idle_ = true;
    if (!again) co_return;
  }
}

/// One request and its response; false when the connection is to be closed.
template <typename Stream>
asio::awaitable<bool> HttpSession::ServeOne(Stream* stream) {
  HttpParser parser;
  error_code error = co_await ReadHeader(stream, &parser);
  std::optional<std::string> fault;
  if (!error) fault = FindFault(parser);
  std::shared_ptr<HttpBodySink> sink;
  bool taken = true;
  if (!error && !fault) {
    sink = co_await ChooseSink(parser);
    error = co_await ReadBody(stream, &parser, sink, &taken);
  }
  if (error || fault) {
    if (sink != nullptr) shared_->executor->Post([gone = std::move(sink)] {});
    auto response = error ? ResponseToFault(error) : ErrorResponse(400, *fault);
    if (response) co_await Refuse(stream, std::move(*response));
    co_return false;
  }
  const RequestFacts facts = FactsOf(parser);
  auto request = std::make_shared<HttpRequest>(TakeRequest(&parser, peer_));
  request->sink = std::move(sink);
  std::function<HttpResponse()> call = [this, request] {
    HttpResponse answer = CallHandler(*request);
    request->sink = nullptr;  // here, and not on the loop's thread
    return answer;
  };
  tcp_.expires_never();
  HttpResponse response = co_await RunOn(shared_->executor, std::move(call));
  request.reset();
  if (!taken) {
    co_await Refuse(stream, std::move(response));
    co_return false;
  }
  if (response.later) response = co_await AnswerOf(shared_->executor, std::move(response));
  HttpFraming framing = FrameResponse(facts, response);
  if (draining_) framing.keep_alive = false;
  const std::string head = HeadText(response, framing);
  const bool has_stream = response.stream && !framing.head_only;
  std::string_view body;
  if (!has_stream && !framing.head_only) body = response.body;
  bool sent = co_await Write(stream, head, body);
  if (sent && has_stream) sent = co_await WriteStream(stream, &response, framing);
  co_return sent&& framing.keep_alive;
}

template <typename Stream>
asio::awaitable<error_code> HttpSession::ReadHeader(Stream* stream, HttpParser* parser) {
  const HttpServerOptions& options = shared_->options;
  parser->header_limit(options.header_bytes_max);
  parser->body_limit(options.sink_for ? std::max(options.body_bytes_max, options.sink_bytes_max)
                                      : options.body_bytes_max);
  error_code error;
  tcp_.expires_after(std::chrono::nanoseconds(options.stall_ns));
  const size_t count = co_await http::async_read_header(*stream, buffer_, *parser, Into(error));
  shared_->counters->bytes_in.fetch_add(count);
  co_return error;
}

asio::awaitable<std::shared_ptr<HttpBodySink>> HttpSession::ChooseSink(
    const HttpParser& parser) const {
  const HttpServerOptions& options = shared_->options;
  if (!options.sink_for || parser.is_done()) co_return nullptr;
  const auto announced = parser.content_length();
  if (announced && *announced <= options.sink_bytes_min) co_return nullptr;
  auto request = std::make_shared<HttpRequest>(DescribeRequest(parser, peer_));
  std::function<std::shared_ptr<HttpBodySink>()> choose =
      [this, request]() -> std::shared_ptr<HttpBodySink> {
    try {
      return shared_->options.sink_for(*request);
    } catch (const std::exception& thrown) {
      logging::Error("net", "{} {} failed: {}", request->method, request->path, thrown.what());
      return nullptr;
    }
  };
  co_return co_await RunOn(shared_->executor, std::move(choose));
}

template <typename Stream>
asio::awaitable<error_code> HttpSession::ReadBody(Stream* stream, HttpParser* parser,
                                                  std::shared_ptr<HttpBodySink> sink, bool* taken) {
  const auto stall = std::chrono::nanoseconds(shared_->options.stall_ns);
  if (sink != nullptr && !sink->wanted()) {
    *taken = false;
    co_return error_code{};
  }
  if (sink == nullptr) {
    const uint64_t most = shared_->options.body_bytes_max;
    if (parser->content_length().value_or(0) > most) {
      co_return http::make_error_code(http::error::body_limit);
    }
    parser->body_limit(most);
  }
  error_code error;
  const auto& headers = parser->get();
  if (headers.version() >= 11 && beast::iequals(headers[http::field::expect], "100-continue") &&
      !parser->is_done()) {
    if (!co_await Write(stream, "HTTP/1.1 100 Continue\r\n\r\n", "")) {
      co_return http::make_error_code(http::error::end_of_stream);
    }
  }
  if (parser->content_length_remaining().value_or(kBodyReadBytes) > kFirstReadBytes) {
    buffer_.reserve(kBodyReadBytes);  // else the body comes in pieces as small as the first read
  }
  std::string& body = parser->get().body();
  while (true) {
    if (sink != nullptr && (body.size() >= kPieceBytes || (parser->is_done() && !body.empty()))) {
      std::function<bool()> write = [&sink, piece = std::exchange(body, {})] {
        return WriteTo(sink.get(), piece);
      };
      tcp_.expires_never();
      *taken = co_await RunOn(shared_->executor, std::move(write));
      if (!*taken) co_return error;
    }
    if (parser->is_done()) co_return error;
    tcp_.expires_after(stall);
    const size_t count = co_await http::async_read_some(*stream, buffer_, *parser, Into(error));
    shared_->counters->bytes_in.fetch_add(count);
    if (error) co_return error;
  }
}

/// Write two runs of bytes; false when the client took too long or is gone.
template <typename Stream>
asio::awaitable<bool> HttpSession::Write(Stream* stream, std::string_view head,
                                         std::string_view body) {
  do {
    const std::string_view slice = body.substr(0, kWriteBytes);
    const std::array<asio::const_buffer, 2> runs{asio::buffer(head.data(), head.size()),
                                                 asio::buffer(slice.data(), slice.size())};
    tcp_.expires_after(std::chrono::nanoseconds(shared_->options.stall_ns));
    error_code error;
    const size_t count = co_await asio::async_write(*stream, runs, Into(error));
    shared_->counters->bytes_out.fetch_add(count);
    if (error) co_return false;
    head = {};
    body.remove_prefix(slice.size());
  } while (!body.empty());
  co_return true;
}

/// Send what the response's stream gives. False when the stream failed, or gave another length than
/// it announced: then the connection ends early, which tells the client.
template <typename Stream>
asio::awaitable<bool> HttpSession::WriteStream(Stream* stream, HttpResponse* response,
                                               HttpFraming framing) {
  uint64_t sent = 0;
  while (true) {
    tcp_.expires_never();
    std::function<Result<std::string>()> next = [response] { return NextPiece(response); };
    Result<std::string> piece = co_await RunOn(shared_->executor, std::move(next));
    if (!piece.ok()) {
      logging::Warning("net", "a response to {} is cut off: {}", peer_, MessageOf(piece.status()));
      co_return false;
    }
    const bool last = piece->empty();
    sent += piece->size();
    if (framing.framing == Framing::kLength && (last || sent > framing.length)) {
      if (sent == framing.length) co_return true;
      logging::Error("net", "a response to {} gave {} of {} bytes", peer_, sent, framing.length);
      co_return false;
    }
    std::string head;
    if (framing.framing == Framing::kChunked) {
      head = fmt::format("{:x}\r\n", piece->size());
      piece->append("\r\n");
    }
    if (!co_await Write(stream, head, *piece)) co_return false;
    if (last) co_return true;
  }
}

/// Answer a request that was not read to its end, and close in a way that lets the answer arrive.
template <typename Stream>
asio::awaitable<void> HttpSession::Refuse(Stream* stream, HttpResponse response) {
  HttpFraming framing;
  framing.keep_alive = false;
  framing.length = response.body.size();
  const std::string head = HeadText(response, framing);
  if (!co_await Write(stream, head, response.body)) co_return;
  error_code error;
  if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
    tcp_.socket().shutdown(Socket::shutdown_send, error);
  }
  tcp_.expires_after(kLinger);
  buffer_.clear();
  while (!error) {
    co_await stream->async_read_some(buffer_.prepare(kFirstReadBytes), Into(error));
  }
}

HttpResponse HttpSession::CallHandler(const HttpRequest& request) const {
  try {
    return shared_->handler(request);
  } catch (const std::exception& thrown) {  // the standard library's and a JSON library's
    logging::Error("net", "{} {} failed: {}", request.method, request.path, thrown.what());
    return ErrorResponse(500, "internal error");
  }
}

}  // namespace firth::net
