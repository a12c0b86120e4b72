#include "fluss_sink.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "firth/common/bytes.h"
#include "fluss_wire.h"
#include "fluss_work.h"

namespace firth::bench {
namespace {

constexpr size_t kRequestHead = 8;  // behind the length
constexpr int kRowsOfBatch = 1000;
constexpr int kBatchesOfFetch = 10;

bool ReadAll(int socket, char* to, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = read(socket, to + done, bytes - done);
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int socket, std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    const iovec parts[] = {{const_cast<char*>(head.data()), head.size()},
                           {const_cast<char*>(body.data()), body.size()}};
    const ssize_t sent = writev(socket, parts, 2);
    if (sent <= 0) return false;
    const size_t of_head = std::min(head.size(), static_cast<size_t>(sent));
    head.remove_prefix(of_head);
    body.remove_prefix(static_cast<size_t>(sent) - of_head);
  }
  return true;
}

/// The rows that every fetch is answered with: made once, and sent from where they lie.
const std::string& FetchAnswer() {
  static const std::string kAnswer = [] {
    Message records;
    for (int i = 0; i < kBatchesOfFetch; ++i) {
      records.text() += LogBatch(kRowsOfBatch, 100, "NONE", 1).Numbered(-1, -1);
    }
    Message bucket;
    bucket.Int(2, 0).Int(5, INT64_MAX).Bytes(8, records.text());
    Message table;
    table.Int(1, 1).Bytes(2, bucket.text());
    Message answer;
    answer.Bytes(1, table.text());
    return answer.text();
  }();
  return kAnswer;
}

std::string AnswerOf(int16_t api, std::string_view body, int port) {
  Message answer;
  Message inner;
  switch (api) {
    case kMetadata: {
      Message node;
      node.Int(1, 0).Bytes(2, "127.0.0.1").Int(3, port);
      inner.Int(2, 1);
      answer.Bytes(1, node.text()).Bytes(2, node.text()).Bytes(3, inner.text());
      break;
    }
    case kInitWriter:
      answer.Int(1, 1);
      break;
    case kProduceLog:
    case kPutKv:
      inner.Int(2, 0).Int(5, 1);
      answer.Bytes(1, inner.text());
      break;
    case kLookup: {
      static const std::string kValue = [] {
        Message value;
        value.Bytes(1, std::string(210, 'v'));
        return value.text();
      }();
      inner.Int(2, 0);
      for (Fields fields(body); fields.Next();) {
        if (fields.field() != 2) continue;
        for (Fields bucket(fields.bytes()); bucket.Next();) {
          if (bucket.field() == 3) inner.Bytes(5, kValue);
        }
      }
      answer.Bytes(1, inner.text());
      break;
    }
    default:
      break;
  }
  return answer.text();
}

void ServeOne(int socket, int port) {
  const int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  std::string frame;
  std::string made;
  char length[4];
  while (ReadAll(socket, length, sizeof length)) {
    frame.resize(static_cast<size_t>(LoadBe<int32_t>(length)));
    if (frame.size() < kRequestHead || !ReadAll(socket, frame.data(), frame.size())) break;
    const auto api = LoadBe<int16_t>(frame.data());
    if (api != kFetchLog) made = AnswerOf(api, std::string_view(frame).substr(kRequestHead), port);
    const std::string& body = api == kFetchLog ? FetchAnswer() : made;
    std::string head;
    AppendBe(&head, static_cast<int32_t>(body.size() + 5));
    head.push_back('\0');
    head.append(frame, 4, 4);  // the request's id
    if (!WriteAll(socket, head, body)) break;
  }
  close(socket);
}

}  // namespace

void ServeSink(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof at;
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      listen(listener, SOMAXCONN) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&at), &bytes) != 0) {
    Fail(std::string("cannot listen: ") + std::strerror(errno));
  }
  const int bound = ntohs(at.sin_port);
  std::printf("%d\n", bound);
  std::fflush(stdout);
  while (true) {
    const int socket = accept(listener, nullptr, nullptr);
    if (socket >= 0) std::thread(ServeOne, socket, bound).detach();
  }
}

}  // namespace firth::bench
