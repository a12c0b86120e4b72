#include "firth/table/log_catalog.h"

#include <cstdio>
#include <span>

#include "firth/common/bytes.h"

namespace firth::table {

namespace {

Status WhyClosed(bool dropped) {
  if (dropped) {
    return Error(Code::kNotFound, Reason::kBucketNotFound, "the table or partition was dropped");
  }
  return EditionIsSealed();
}

/// What a writer to one of `logs` is told after these changes.
Status CheckOpen(const std::vector<LogId>& logs, std::span<const catalog::Change> changes) {
  for (const catalog::Change& change : changes) {
    for (const catalog::ClosedLogs& closed : change.closed) {
      for (const LogId log : logs) {
        if (log.value >= closed.first.value && log.value - closed.first.value < closed.count) {
          return WhyClosed(closed.dropped);
        }
      }
    }
  }
  return Status::OK();
}

/// Let the catalog make the changes of one group of commits.
Status ApplyGroup(catalog::Catalog* catalog, std::vector<log::CatalogCommit>* commits) {
  std::vector<catalog::Change> changes(commits->size());
  for (size_t i = 0; i < changes.size(); ++i) {
    const log::CatalogCommit& commit = (*commits)[i];
    changes[i].id = commit.id;
    changes[i].time_ns = commit.time_ns;
    changes[i].journal_file = commit.journal_file;
    changes[i].run = [&, i](catalog::Changes* made) -> Status {
      ARROW_RETURN_NOT_OK(CheckOpen((*commits)[i].logs, std::span(changes).first(i)));
      return static_cast<CatalogChange*>((*commits)[i].part)->run(made);
    };
  }
  const Status applied = catalog->ApplyGroup(&changes);
  for (size_t i = 0; i < changes.size(); ++i) {
    (*commits)[i].result = changes[i].result;
    for (const catalog::ClosedLogs& closed : changes[i].closed) {
      (*commits)[i].closed.push_back({.first = closed.first,
                                      .count = closed.count,
                                      .answer = WhyClosed(closed.dropped),
                                      .dropped = closed.dropped});
    }
  }
  return applied;
}

constexpr char kLiveFiles[] = "log.files";
constexpr char kJournalEnd[] = "log.end";
constexpr int32_t kStartVersion = 1;

std::string StartName(LogId log) {
  char name[40];
  std::snprintf(name, sizeof name, "log.start/%016llx", static_cast<unsigned long long>(log.value));
  return name;
}

/// Version, offset, last commit below it and its time, then what writers had sent.
std::string EncodeStart(const log::LogStart& start) {
  std::string out;
  AppendLe<int32_t>(&out, kStartVersion);
  AppendLe<int64_t>(&out, start.start.value);
  AppendLe<int64_t>(&out, start.trimmed.value);
  AppendLe<int64_t>(&out, start.trimmed_time_ns);
  return out + start.writers;
}

Result<log::LogStart> DecodeStart(LogId log, const std::string& value) {
  ByteReader in(AsBytes(value));
  log::LogStart start{.log = log};
  const auto version = in.Le<int32_t>();
  start.start = Offset(in.Le<int64_t>());
  start.trimmed = CommitId(in.Le<int64_t>());
  start.trimmed_time_ns = in.Le<int64_t>();
  start.writers = AsText(in.rest());
  if (in.ok() && version == kStartVersion) return start;
  if (version > kStartVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the start of log " + std::to_string(log.value) + " has format " +
                     std::to_string(version) + ": use a newer firth");
  }
  return Error(Code::kDataLoss, Reason::kNone,
               "the catalog's start of log " + std::to_string(log.value) + " is damaged");
}

}  // namespace

Status KeepLogInCatalog(catalog::Catalog* catalog, log::LogOptions* options) {
  ARROW_ASSIGN_OR_RAISE(options->last_commit_in_catalog, catalog->LastCommit());
  ARROW_ASSIGN_OR_RAISE(options->last_time_ns_in_catalog, catalog->LastCommitTimeNs());
  options->apply = [catalog](std::vector<log::CatalogCommit>* commits) {
    return ApplyGroup(catalog, commits);
  };
  options->named_in = [catalog](uint64_t file) { return catalog->NamedIn(file); };
  options->forget_names = [catalog](uint64_t below) { return catalog->ForgetNames(below); };
  options->start_of = [catalog](LogId log) -> Result<std::optional<log::LogStart>> {
    ARROW_ASSIGN_OR_RAISE(const auto value, catalog->GetValue(StartName(log)));
    if (!value.has_value()) return std::nullopt;
    ARROW_ASSIGN_OR_RAISE(log::LogStart start, DecodeStart(log, *value));
    return start;
  };
  options->keep_starts = [catalog](const std::vector<log::LogStart>& starts) {
    std::vector<catalog::ValueChange> changes;
    for (const log::LogStart& start : starts) {
      changes.push_back({.name = StartName(start.log), .value = EncodeStart(start)});
    }
    return catalog->ChangeValues(changes);
  };
  options->live_files = [catalog]() -> Result<std::string> {
    ARROW_ASSIGN_OR_RAISE(const auto value, catalog->GetValue(kLiveFiles));
    return value.value_or(std::string());
  };
  options->keep_live_files = [catalog](const std::string& live) {
    return catalog->PutValue(kLiveFiles, live);
  };
  options->journal_end = [catalog]() -> Result<std::string> {
    ARROW_ASSIGN_OR_RAISE(const auto value, catalog->GetValue(kJournalEnd));
    return value.value_or(std::string());
  };
  options->keep_journal_end = [catalog](const std::string& end) {
    return catalog->PutValue(kJournalEnd, end);
  };
  options->is_kept = [catalog](LogId log) -> Result<bool> {
    const auto partition = catalog->PartitionOfLog(log);
    if (partition.ok()) return true;
    if (ReasonOf(partition.status()) == Reason::kBucketNotFound) return false;
    return partition.status();
  };
  return Status::OK();
}

}  // namespace firth::table
