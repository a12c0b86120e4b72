#include "firth/common/logging.h"
#include "firth/net/listen_internal.h"

namespace firth::net {

namespace asio = boost::asio;

namespace {
/// How long accepting rests when the process has no more descriptors or memory for a connection.
constexpr auto kPause = std::chrono::milliseconds(100);
}  // namespace

Result<std::shared_ptr<Listener>> Listener::Open(EventLoops::Impl* loops,
                                                 const std::vector<std::string>& listen,
                                                 uint32_t connections_max) {
  auto listener = std::make_shared<Listener>();
  listener->loops_ = loops;
  listener->connections_max_ = connections_max;
  ARROW_ASSIGN_OR_RAISE(listener->acceptors_, ListenAll(&loops->loops[0]->context, listen));
  listener->counters_->endpoints = EndpointsOf(listener->acceptors_);
  for (size_t i = 0; i < listener->acceptors_.size(); ++i) {
    listener->pauses_.emplace_back(loops->loops[0]->context);
  }
  return listener;
}

void Listener::Start(OnSocket on_socket) {
  on_socket_ = std::move(on_socket);
  loops_->Register(counters_);
  loops_->loops[0]->RunAndWait([this] {
    for (size_t i = 0; i < acceptors_.size(); ++i) Accept(i);
  });
}

void Listener::Stop() {
  loops_->loops[0]->RunAndWait([this] {
    stopped_ = true;
    acceptors_.clear();
    pauses_.clear();
  });
}

void Listener::Accept(size_t index) {
  if (stopped_) return;
  const size_t loop = next_loop_++ % loops_->loops.size();
  acceptors_[index].async_accept(loops_->loops[loop]->context,
                                 [self = shared_from_this(), index, loop](
                                     const boost::system::error_code& error, Socket socket) {
                                   self->OnAccepted(index, loop, error, std::move(socket));
                                 });
}

void Listener::OnAccepted(size_t index, size_t loop, const boost::system::error_code& error,
                          Socket socket) {
  if (stopped_) return;
  if (error == asio::error::connection_aborted) {  // the client gave up before we came to it
    Accept(index);
    return;
  }
  if (error) {
    logging::Warning("net", "cannot accept a connection at {}: {}; trying again in {} ms",
                     counters_->endpoints[index], error.message(), kPause.count());
    pauses_[index].expires_after(kPause);
    pauses_[index].async_wait(
        [self = shared_from_this(), index](const auto&) { self->Accept(index); });
    return;
  }
  if (counters_->connections.load() >= connections_max_) {
    counters_->connections_refused.fetch_add(1);
    if (!std::exchange(refusal_logged_, true)) {
      logging::Warning("net", "{} connections are open at {}, no more are taken", connections_max_,
                       counters_->endpoints[index]);
    }
    Accept(index);
    return;  // the socket closes as it goes
  }
  refusal_logged_ = false;
  counters_->connections.fetch_add(1);
  counters_->connections_total.fetch_add(1);
  asio::post(loops_->loops[loop]->context,
             [self = shared_from_this(), loop, moved = std::move(socket)]() mutable {
               self->on_socket_(loop, std::move(moved));
             });
  Accept(index);
}

}  // namespace firth::net
