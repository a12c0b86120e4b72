#include "fluss_sink.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

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
constexpr int kRowsOfFetch = 8000;

bool ReadAll(int socket, char* to, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = read(socket, to + done, bytes - done);
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int socket, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t sent = write(socket, bytes.data() + done, bytes.size() - done);
    if (sent <= 0) return false;
    done += static_cast<size_t>(sent);
  }
  return true;
}

std::string AnswerOf(int16_t api, std::string_view body, int port, const std::string& batch) {
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
    case kFetchLog: {
      Message table;
      inner.Int(2, 0).Int(5, INT64_MAX).Bytes(8, batch);
      table.Int(1, 1).Bytes(2, inner.text());
      answer.Bytes(1, table.text());
      break;
    }
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
  const std::string batch = LogBatch(kRowsOfFetch, 100, "NONE", 1).Numbered(-1, -1);
  std::string frame;
  char length[4];
  while (ReadAll(socket, length, sizeof length)) {
    frame.resize(static_cast<size_t>(LoadBe<int32_t>(length)));
    if (frame.size() < kRequestHead || !ReadAll(socket, frame.data(), frame.size())) break;
    const std::string body = AnswerOf(LoadBe<int16_t>(frame.data()),
                                      std::string_view(frame).substr(kRequestHead), port, batch);
    std::string answer;
    AppendBe(&answer, static_cast<int32_t>(body.size() + 5));
    answer.push_back('\0');
    answer.append(frame, 4, 4);  // the request's id
    answer += body;
    if (!WriteAll(socket, answer)) break;
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
