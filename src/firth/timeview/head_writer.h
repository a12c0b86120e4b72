// Puts what a head has in memory into records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/timeview/history.h"
#include "firth/timeview/node_cache.h"
#include "firth/timeview/node_files.h"
#include "firth/timeview/record.h"

namespace firth::timeview {

/// Writes nodes, edits and histories of one series after another, each node once. What it returns
/// may be used by others after the NodeWriter's Flush; Finish then. One thread at a time. Errors:
/// as NodeWriter::Append.
class HeadWriter {
 public:
  HeadWriter(NodeWriter* writer, PayloadEncoder* encoder, NodeCache* cache)
      : writer_(writer), encoder_(encoder), cache_(cache) {}

  void Begin(const SeriesId& series);
  /// Write the nodes below and at `link` that are in no file. The link returned has an address.
  Result<NodeLink> WriteTree(const NodeLink& link);
  /// Write what the newest part of a history leads to, and, when it has become long, itself.
  /// Gives that part as it is to stand in the head.
  Result<std::string> WriteHistory(History* history);
  Result<NodeAddress> WriteSeries(Bytes payload);
  /// `first` and `last`: the revisions of its edits.
  Result<NodeAddress> WritePart(int64_t first, int64_t last, Bytes payload);
  /// Remember the nodes that were written: they were flushed.
  void Finish();
  /// Forget them.
  void Abandon();

 private:
  Result<NodeAddress> Append(RecordKind kind, int64_t first, int64_t last, Bytes payload);

  NodeWriter* const writer_;
  PayloadEncoder* const encoder_;
  NodeCache* const cache_;
  SeriesId series_;
  std::unordered_map<const Node*, NodeAddress> written_;  // of this series
  std::vector<std::pair<NodeAddress, NodePtr>> fresh_;    // since Finish
};

}  // namespace firth::timeview
