// One connection of the load generator: requests made and sent in time, and their answers taken.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fluss_wire.h"
#include "measured.h"

namespace firth::bench {

/// The table that is worked on, and who serves it.
struct Target {
  Address coordinator;
  Address tablet;
  int64_t table_id = 0;
  int buckets = 1;
};

/// A table's name as messages have it.
Message TableName(const std::string& table);
/// Ask for the servers, and `with_table` for the table.
Target Find(const Options& options, bool with_table);
/// A bucket's part of an answer that says an error ends the program.
void CheckBuckets(std::string_view answer);

struct Counted {
  int64_t rows = 0;
  int64_t bytes = 0;
};

/// Requests of one kind, of one bucket: how they are made and how answers are read.
class Requests {
 public:
  Requests(const Options& options, const Target& target, int number)
      : options_(options), target_(target), number_(number), bucket_(number % target.buckets) {}
  virtual ~Requests() = default;
  /// Send the next one; returns its id.
  virtual int32_t Send(Link* link) = 0;
  virtual Counted Read(std::string_view answer) = 0;
  /// Is there nothing more to ask?
  virtual bool Done() const { return false; }
  /// Rows of one request, where that is known before the answer.
  virtual int rows() const { return 1; }

 protected:
  int64_t NewWriter(Link* link) const;
  /// acks, table and timeout; the bucket's number and batch in field `field`.
  int32_t SendBatch(Link* link, Api api, int field, const std::string& batch) const;

  const Options& options_;
  const Target target_;
  const int number_;
  const int bucket_;
};

/// A connection and a thread. Of several kinds the one is sent next that has had fewest rows, so
/// that all kinds have as many.
class Worker {
 public:
  Worker(const Options& options, const Target& target, const Period* period, int number)
      : options_(options), period_(*period), number_(number), link_(target.tablet) {}

  /// Send requests of a kind, at most `depth` of them without an answer.
  void Add(std::unique_ptr<Requests> requests, size_t depth, Totals* totals) {
    kinds_.push_back({.requests = std::move(requests), .totals = totals, .depth = depth});
  }
  void Run();

 private:
  struct Kind {
    std::unique_ptr<Requests> requests;
    Totals* totals = nullptr;
    size_t depth = 1;
    size_t under_way = 0;
    int64_t rows_sent = 0;
    Histogram latencies;
  };
  struct Sent {
    int64_t at_ns = 0;
    Kind* kind = nullptr;
  };

  Kind* Next();
  bool Done() const;
  void Take(const Answer& answer);

  const Options& options_;
  const Period& period_;  // set before Run
  const int number_;
  Link link_;
  std::vector<Kind> kinds_;
  std::unordered_map<int32_t, Sent> sent_;
};

}  // namespace firth::bench
