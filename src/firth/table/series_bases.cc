#include "firth/table/series_bases.h"

#include <string>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/table/database.h"

namespace firth::table {
namespace {

/// A base is published so often, and sooner when edits of so many bytes were applied since the
/// last: a start replays no more than that.
constexpr int64_t kBaseIntervalNs = int64_t{60} * 1'000'000'000;
constexpr uint64_t kBaseBytesMax = uint64_t{64} << 20;
/// Space is taken back in pieces of about this many bytes, for writes wait meanwhile.
constexpr uint64_t kReclaimBytes = uint64_t{16} << 20;
constexpr int kReclaimsMax = 32;  // of them after one base
/// That is done when so large a part of the files is known to be dead: 1 / this.
constexpr uint64_t kDeadPart = 3;

}  // namespace

SeriesBases::SeriesBases(const DatabaseOptions& options, catalog::Catalog* catalog,
                         timeview::TimeView* view, std::mutex* apply_mutex, Names names,
                         std::function<Status()> before, std::function<void()> after)
    : catalog_(catalog),
      view_(view),
      apply_mutex_(apply_mutex),
      names_(std::move(names)),
      before_(std::move(before)),
      after_(std::move(after)),
      on_fatal_(options.on_fatal),
      rounds_({.executor = options.background != nullptr ? options.background : options.readers,
               .clock = options.clock,
               // Where nothing is done in the background, bases are made by Cut only.
               .interval_ns = options.lake_interval_ns > 0 ? kBaseIntervalNs : 0,
               .bytes_max = kBaseBytesMax,
               .view = names_.view,
               .cut = [this] { return Cut(); }}) {}

Result<CommitId> SeriesBases::Named(catalog::Catalog* catalog, const std::string& base) {
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog->GetValue(base));
  if (!text.has_value()) return CommitId(0);
  ARROW_ASSIGN_OR_RAISE(const int64_t commit, ParseInt64(*text));
  return CommitId(commit);
}

void SeriesBases::Obliterated() {
  obliterated_ = true;
  rounds_.Applied(1);
}

Status SeriesBases::Cut() {
  std::lock_guard cutting(cut_mutex_);
  const Status cut = CutLocked();
  // Nobody knows what the files hold now: nothing more can be written.
  if (!cut.ok() && ReasonOf(cut) != Reason::kDiskFull && on_fatal_ != nullptr) on_fatal_(cut);
  return cut;
}

Status SeriesBases::CutLocked() {
  {
    std::lock_guard applying(*apply_mutex_);
    if (before_ != nullptr) ARROW_RETURN_NOT_OK(before_());
    ARROW_RETURN_NOT_OK(view_->Checkpoint());
    if (after_ != nullptr) after_();
  }
  ARROW_RETURN_NOT_OK(
      catalog_->PutValue(names_.base, std::to_string(view_->base_watermark().value)));
  return Reclaim();
}

Status SeriesBases::Reclaim() {
  const auto stats = view_->Stats();
  bool more = obliterated_.exchange(false) || stats.dead_bytes * kDeadPart > stats.file_bytes;
  for (int i = 0; more && i < kReclaimsMax; ++i) {
    std::lock_guard applying(*apply_mutex_);
    const auto reclaimed = view_->Reclaim(kReclaimBytes);
    if (CodeOf(reclaimed.status()) == Code::kDataLoss) {
      // It stays where it is; reading it names it.
      logging::Error("table", "space of the {} is not taken back: {}", names_.view,
                     MessageOf(reclaimed.status()));
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(reclaimed.status());
    more = reclaimed->more;
  }
  if (more) obliterated_ = true;  // the next base goes on
  return Status::OK();
}

void SeriesBases::Stop() {
  rounds_.Stop();
  if (!rounds_.Behind()) return;
  if (const Status done = Cut(); !done.ok()) {
    logging::Warning("table", "the next start reads more of the log into the {}: {}", names_.view,
                     MessageOf(done));
  }
}

}  // namespace firth::table
