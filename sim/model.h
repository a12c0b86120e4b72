// What a Database is to hold, as plain values: the simulation's own idea of it, and what it reads
// from a real one. The two are compared whole.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace firth::sim {

using Row = std::pair<int32_t, std::string>;  // k, v

/// A table's bucket: partition values joined by '/', and the number.
using BucketName = std::pair<std::string, int32_t>;

/// Of a table whose log is trimmed: bodies of at most so many bytes are kept.
inline constexpr int64_t kKeptBytes = 8000;
/// What was read of an offset that the log does not keep.
inline constexpr char kTrimmed[] = "?";

struct TableModel {
  bool keyed = false;
  bool trims = false;
  int columns = 2;
  /// By offset: the change and the row, as text. An offset that a write without effects took is
  /// "-".
  std::map<BucketName, std::vector<std::string>> logs;
  std::map<int32_t, std::string> current;  // of a keyed table

  /// Of a log that is trimmed either side may lack its begin: no more than can have been let go.
  bool operator==(const TableModel&) const;
  void Append(const BucketName& bucket, const std::vector<Row>& rows);
  void Upsert(const std::vector<Row>& rows);
  void Delete(const std::vector<int32_t>& keys);
  size_t rows() const;
};

struct SeriesModel {
  int64_t revision = 10;
  std::map<int64_t, double> points;

  bool operator==(const SeriesModel&) const = default;
};

struct Model {
  std::map<std::string, TableModel> tables;  // by path
  std::map<int, SeriesModel> series;
  std::map<std::string, std::string> values;

  bool operator==(const Model&) const = default;
};

/// Where two models differ first, for people.
std::string Difference(const Model& expected, const Model& found);

/// The states that a Database may be in while writes are under way: the first is what is known to
/// be durable, each later one has one more write. What was acknowledged, or seen by a reader, is
/// never taken back.
class Candidates {
 public:
  /// What a write does to a model.
  using Change = std::function<void(Model*)>;

  explicit Candidates(Model now) { states_.push_back({.model = std::move(now)}); }

  /// A write is sent. Gives its number.
  uint64_t Send(Change change);
  /// This write, and all that were sent before it and not refused, are acknowledged.
  void Acknowledge(uint64_t write);
  /// This write was refused, and never comes; those that were sent after it may.
  void Refuse(uint64_t write);
  const Model& newest() const { return states_.back().model; }
  bool settled() const { return states_.size() == 1; }
  /// What was found: one of the states, which is then known. False if it is none.
  bool Find(const Model& found);
  /// The same, when everything else that was under way is lost.
  bool Adopt(const Model& found);
  std::string Explain(const Model& found) const;

 private:
  struct State {
    uint64_t write = 0;  // 0: what was there before all of them
    Change change;
    Model model;
  };

  std::vector<State> states_;
  uint64_t sent_ = 0;
};

}  // namespace firth::sim
