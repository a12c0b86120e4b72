// What the feed of columns has absorbed, kept in the catalog beside the base of its view.
//
// `columnview/state`: JSON {version: 1, states: [{sequence, editions: [{edition, table, generation,
// partitions, runs: [{columns, watermark}], joined: {ID: [[first, last]]}, points}]}]}: the state
// that belongs to the base whose watermark is `sequence`, and that of the base that is being made.
// `columnview/keys/EDITION/NUMBER`: keys of series in hex, one a line, in the order in which they
// were first seen.
#include <nlohmann/json.hpp>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/table/column_feed.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr char kBaseName[] = "columnview/base";
constexpr char kStateName[] = "columnview/state";
constexpr char kKeysPrefix[] = "columnview/keys/";
constexpr uint64_t kFileBytesMax = uint64_t{64} << 20;
constexpr uint64_t kMemoryBytes = uint64_t{32} << 20;

Status DamagedValue(const std::string& name) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog's value " + name + " is damaged");
}

std::string KeysName(EditionId edition, size_t number) {
  // Ordered by the bytes of their names.
  std::string digits = std::to_string(number);
  digits.insert(0, 10 - std::min<size_t>(digits.size(), 10), '0');
  return kKeysPrefix + std::to_string(edition.value) + "/" + digits;
}

}  // namespace

Status ColumnFeed::Open(const DatabaseOptions& options) {
  view_options_ = {.files = options.files,
                   .folder = "columnview",
                   .node_cache_bytes = kMemoryBytes,
                   .dirty_bytes_max = kMemoryBytes,
                   .pending_bytes_max = kMemoryBytes,
                   .file_bytes_max = kFileBytesMax};
  ARROW_RETURN_NOT_OK(OpenView());
  bases_ = std::make_unique<SeriesBases>(
      options, database_->catalog(), view_.get(), &feed_mutex_,
      SeriesBases::Names{.base = kBaseName, .view = "time view of columns"},
      [this] { return SaveState(); }, [this] { StateSaved(); });
  // Where nothing is done in the background, series are fed when they are asked for.
  if (options.lake_interval_ns > 0) {
    executor_ = options.background != nullptr ? options.background : options.readers;
  }
  return Status::OK();
}

Status ColumnFeed::OpenView() {
  ARROW_ASSIGN_OR_RAISE(const CommitId named, SeriesBases::Named(database_->catalog(), kBaseName));
  auto view = timeview::TimeView::Open(view_options_);
  Status wrong = view.status();
  if (!wrong.ok() && CodeOf(wrong) != Code::kDataLoss) return wrong;
  if (wrong.ok()) {
    view_ = *std::move(view);
    if (view_->base_watermark() < named) {
      wrong = Error(Code::kDataLoss, Reason::kFileMissing,
                    "the folder " + view_options_.folder + " holds an older base than " +
                        std::to_string(named.value));
    }
  }
  if (!wrong.ok()) {
    logging::Warning("table", "the time view of columns is made again from the logs: {}",
                     MessageOf(wrong));
    view_.reset();
    ARROW_RETURN_NOT_OK(timeview::TimeView::Destroy(view_options_));
    ARROW_ASSIGN_OR_RAISE(view_, timeview::TimeView::Open(view_options_));
  }
  sequence_ = view_->base_watermark().value;
  return LoadState(!wrong.ok());
}

namespace {

/// The state that belongs to a base; null: none does. Of a base that was lost the newest is taken.
const nlohmann::json* StateOf(const nlohmann::json& states, int64_t sequence, bool lost) {
  const nlohmann::json* found = nullptr;
  for (const auto& one : states) {
    if (lost || one.at("sequence").get<int64_t>() == sequence) found = &one;
  }
  return found;
}

}  // namespace

Status ColumnFeed::LoadState(bool lost) {
  catalog::Catalog* const catalog = database_->catalog();
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog->GetValue(kStateName));
  if (!text.has_value()) return Status::OK();
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  std::lock_guard lock(mutex_);
  try {
    const nlohmann::json* const state = StateOf(json.at("states"), sequence_, lost);
    if (state == nullptr) return DamagedValue(kStateName);
    if (lost) {
      // What was said of bases that are gone is never said of another.
      sequence_ = state->at("sequence").get<int64_t>() + 1;
      ARROW_RETURN_NOT_OK(view_->Apply({}, CommitId(sequence_)));
    } else {
      saved_state_ = state->dump();
    }
    for (const auto& one : state->at("editions")) {
      auto fed = std::make_unique<Fed>();
      fed->edition = EditionId(one.at("edition").get<int64_t>());
      fed->table = TableId(one.at("table").get<int64_t>());
      fed->generation = one.at("generation").get<int64_t>();
      for (const auto& partition : one.at("partitions")) {
        fed->partitions.insert(PartitionId(partition.get<int64_t>()));
      }
      for (const auto& run : one.at("runs")) {
        fed->runs.push_back({.columns = run.at("columns").get<std::vector<std::string>>(),
                             .watermark = CommitId(run.at("watermark").get<int64_t>())});
      }
      // Older versions wrote neither.
      fed->points = one.value("points", uint64_t{0});
      const auto all_joined = one.value("joined", nlohmann::json::object());
      for (const auto& [hex, joined] : all_joined.items()) {
        const auto inner = FromHex(hex);
        if (!inner.ok() || inner->size() != 16) return DamagedValue(kStateName);
        for (const auto& revisions : joined) {
          fed->joined[SeriesId::From(*inner)].push_back(
              {.first = revisions.at(0).get<int64_t>(), .last = revisions.at(1).get<int64_t>()});
        }
      }
      fed->base = WatermarkOf(*fed);
      editions_[fed->edition] = std::move(fed);
    }
  } catch (const nlohmann::json::exception&) {
    return DamagedValue(kStateName);
  }
  count_ = editions_.size();
  ARROW_ASSIGN_OR_RAISE(const auto values, catalog->ListValues(kKeysPrefix));
  for (const auto& [name, lines] : values) {
    const auto edition =
        ParseInt64(name.substr(sizeof kKeysPrefix - 1, name.rfind('/') - (sizeof kKeysPrefix - 1)));
    Fed* const fed = edition.ok() ? FindFed(EditionId(*edition)) : nullptr;
    if (fed == nullptr) continue;
    for (size_t at = 0; at < lines.size();) {
      const size_t end = std::min(lines.find('\n', at), lines.size());
      const auto key = FromHex(std::string_view(lines).substr(at, end - at));
      if (!key.ok()) return DamagedValue(name);
      ARROW_RETURN_NOT_OK(fed->keys.NumberOf(*key).status());
      at = end + 1;
    }
    fed->keys_saved = fed->keys.size();
  }
  if (!lost) return Status::OK();
  for (auto& [id, fed] : editions_) {
    fed->base = CommitId(0);
    fed->joined.clear();
    fed->points = 0;
    fed->partitions.clear();
    ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog->ListPartitions(id));
    for (const PartitionInfo& partition : partitions) {
      for (int32_t b = 0; b < partition.bucket_count; ++b) {
        ARROW_ASSIGN_OR_RAISE(const log::LogRange range,
                              database_->log()->Range(partition.LogOf(b)));
        if (range.start == Offset(0) || WatermarkOf(*fed) == CommitId(0)) continue;
        fed->broken = Error(Code::kDataLoss, Reason::kFileMissing,
                            "the files of folder " + view_options_.folder +
                                " are lost, and the log that they were made of was trimmed");
      }
    }
    for (Run& run : fed->runs) run.watermark = CommitId(0);
  }
  return Status::OK();
}

Status ColumnFeed::SaveKeys(Fed* fed) {
  if (fed->keys_saved == fed->keys.size()) return Status::OK();
  std::string lines;
  for (size_t i = fed->keys_saved; i < fed->keys.size(); ++i) {
    lines += ToHex(fed->keys.encoded()[i]) + "\n";
  }
  ARROW_RETURN_NOT_OK(
      database_->catalog()->PutValue(KeysName(fed->edition, fed->keys_saved), lines));
  fed->keys_saved = fed->keys.size();
  return Status::OK();
}

Status ColumnFeed::SaveState() {
  nlohmann::json editions = nlohmann::json::array();
  for (const auto& [id, fed] : editions_) {
    ARROW_RETURN_NOT_OK(SaveKeys(fed.get()));
    nlohmann::json partitions = nlohmann::json::array();
    for (const PartitionId partition : fed->partitions) partitions.push_back(partition.value);
    nlohmann::json runs = nlohmann::json::array();
    for (const Run& run : fed->runs) {
      runs.push_back({{"columns", run.columns}, {"watermark", run.watermark.value}});
    }
    nlohmann::json joined = nlohmann::json::object();
    for (const auto& [inner, revisions] : fed->joined) {
      nlohmann::json& list = joined[ToHex(inner.view())];
      for (const Joined& one : revisions) list.push_back({one.first, one.last});
    }
    editions.push_back({{"edition", id.value},
                        {"table", fed->table.value},
                        {"generation", fed->generation},
                        {"partitions", std::move(partitions)},
                        {"runs", std::move(runs)},
                        {"joined", std::move(joined)},
                        {"points", fed->points}});
  }
  const nlohmann::json state = {{"sequence", sequence_}, {"editions", std::move(editions)}};
  nlohmann::json states = nlohmann::json::array();
  const std::string text = state.dump();
  // Until the new base is there, the old one is what a start finds.
  if (!saved_state_.empty() && saved_state_ != text) {
    states.push_back(nlohmann::json::parse(saved_state_));
  }
  states.push_back(state);
  saving_state_ = text;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, fed] : editions_) fed->saving = WatermarkOf(*fed);
  }
  return database_->catalog()->PutValue(
      kStateName, nlohmann::json{{"version", 1}, {"states", std::move(states)}}.dump());
}

void ColumnFeed::StateSaved() {
  saved_state_ = saving_state_;
  std::lock_guard lock(mutex_);
  for (const auto& [id, fed] : editions_) fed->base = fed->saving;
}

}  // namespace firth::table
