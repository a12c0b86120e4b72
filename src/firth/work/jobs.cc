#include "firth/work/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "firth/common/text.h"

namespace firth::work {
namespace {

using catalog::ValueChange;
using nlohmann::json;

constexpr char kPrefix[] = "job/";
constexpr size_t kIdBytes = 16;
constexpr size_t kKindBytesMax = 64;
constexpr size_t kMessageBytesMax = 1000;

std::string NameOf(const std::string& id) {
  return kPrefix + ToHex(id);
}

Status NoJob() {
  return Error(Code::kNotFound, Reason::kJobNotFound, "there is no such job");
}
Status LeaseLost() {
  return Error(Code::kFailedPrecondition, Reason::kLeaseLost,
               "the job is not this worker's: it has ended, or was taken by another since");
}

Status CheckKind(const std::string& kind) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  if (kind.empty() || kind.size() > kKindBytesMax || !std::all_of(kind.begin(), kind.end(), good)) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "a kind of job has 1 to 64 letters, digits, '.', '-' and '_'");
  }
  return Status::OK();
}

Status CheckSize(const std::string& text, const char* what) {
  if (text.size() <= kJobBytesMax) return Status::OK();
  return Error(
      Code::kInvalidArgument, Reason::kOverBudget,
      fmt::format("a job's {} has at most {} bytes, not {}", what, kJobBytesMax, text.size()));
}

std::string Encode(const Job& job) {
  const json record{{"version", 1},
                    {"kind", job.kind},
                    {"principal", job.owner.principal.value},
                    {"name", job.owner.name},
                    {"spec", job.spec},
                    {"state", static_cast<int>(job.state)},
                    {"cancel", job.cancel_asked},
                    {"progress", job.progress},
                    {"attempts", job.attempts},
                    {"outcome", job.outcome},
                    {"code", static_cast<int>(job.code)},
                    {"message", job.message},
                    {"created_ns", job.created_ns},
                    {"finished_ns", job.finished_ns},
                    {"lease", ToHex(job.lease)}};
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Job> Decode(std::string id, const std::string& text) {
  Job job{.id = std::move(id)};
  try {
    const json record = json::parse(text);
    if (record.at("version").get<int>() != 1) {
      return Error(Code::kDataLoss, Reason::kFormatTooNew, "a job was kept by a newer version");
    }
    record.at("kind").get_to(job.kind);
    job.owner.principal = PrincipalId(record.at("principal").get<int64_t>());
    record.at("name").get_to(job.owner.name);
    record.at("spec").get_to(job.spec);
    job.state = static_cast<JobState>(record.at("state").get<int>());
    record.at("cancel").get_to(job.cancel_asked);
    record.at("progress").get_to(job.progress);
    record.at("attempts").get_to(job.attempts);
    record.at("outcome").get_to(job.outcome);
    job.code = static_cast<Code>(record.at("code").get<int>());
    record.at("message").get_to(job.message);
    record.at("created_ns").get_to(job.created_ns);
    record.at("finished_ns").get_to(job.finished_ns);
    ARROW_ASSIGN_OR_RAISE(job.lease, FromHex(record.at("lease").get<std::string>()));
  } catch (const json::exception&) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a job's record cannot be read");
  }
  return job;
}

void Shorten(std::string* text) {
  if (text->size() <= kMessageBytesMax) return;
  text->resize(kMessageBytesMax);
  while (!IsUtf8(*text)) text->pop_back();
}

}  // namespace

Result<std::unique_ptr<Jobs>> Jobs::Open(const JobsOptions& options) {
  std::unique_ptr<Jobs> jobs(new Jobs(options));
  ARROW_RETURN_NOT_OK(jobs->Load());
  return jobs;
}

Status Jobs::Load() {
  ARROW_ASSIGN_OR_RAISE(const auto values, options_.catalog->ListValues(kPrefix));
  for (const auto& [name, text] : values) {
    ARROW_ASSIGN_OR_RAISE(std::string id, FromHex(name.substr(sizeof kPrefix - 1)));
    ARROW_ASSIGN_OR_RAISE(const Job job, Decode(std::move(id), text));
    Know(job, /*lease_until_ns=*/0);
  }
  return Status::OK();
}

void Jobs::Know(const Job& job, int64_t lease_until_ns) {
  std::lock_guard lock(mutex_);
  known_[job.id] = {.kind = job.kind,
                    .created_ns = job.created_ns,
                    .finished_ns = job.IsEnded() ? std::max<int64_t>(job.finished_ns, 1) : 0,
                    .lease_until_ns = lease_until_ns};
  if (job.IsEnded()) {
    by_age_.erase({job.created_ns, job.id});
  } else {
    by_age_.insert({job.created_ns, job.id});
  }
}

Result<std::string> Jobs::Text(const std::string& id) {
  if (id.size() != kIdBytes) return NoJob();
  ARROW_ASSIGN_OR_RAISE(const auto text, options_.catalog->GetValue(NameOf(id)));
  if (!text.has_value()) return NoJob();
  return *text;
}

Status Jobs::Replace(const std::string& held, const Job& job, const Changes& changes) {
  Changes all{{.name = NameOf(job.id), .value = Encode(job), .compare = true, .expected = held}};
  all.insert(all.end(), changes.begin(), changes.end());
  return options_.catalog->ChangeValues(all);
}

Result<Job> Jobs::Add(const std::string& kind, const access::Caller& owner, const std::string& spec,
                      const Changes& changes) {
  ARROW_RETURN_NOT_OK(CheckKind(kind));
  ARROW_RETURN_NOT_OK(CheckSize(spec, "specification"));
  {
    std::lock_guard lock(mutex_);
    if (known_.size() >= options_.jobs_max) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   fmt::format("{} jobs are remembered, and no more are taken", known_.size()));
    }
  }
  Job job{.id = options_.random->Uuid(), .kind = kind, .owner = owner, .spec = spec};
  job.created_ns = options_.clock->NowNs();
  Changes all{{.name = NameOf(job.id), .value = Encode(job), .compare = true}};
  all.insert(all.end(), changes.begin(), changes.end());
  ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(all));
  Know(job, 0);
  return job;
}

Result<Job> Jobs::Get(const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, Text(id));
  ARROW_ASSIGN_OR_RAISE(Job job, Decode(id, text));
  job.lease.clear();
  return job;
}

Result<std::vector<Job>> Jobs::Open(const std::string& kind) {
  std::vector<std::string> ids;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [created_ns, id] : by_age_) {
      if (known_[id].kind == kind) ids.push_back(id);
    }
  }
  std::vector<Job> jobs;
  for (const std::string& id : ids) {
    auto job = Get(id);
    if (!job.ok() && ReasonOf(job.status()) == Reason::kJobNotFound) continue;
    ARROW_RETURN_NOT_OK(job.status());
    if (!job->IsEnded()) jobs.push_back(std::move(*job));
  }
  return jobs;
}

std::optional<std::string> Jobs::NextOf(const std::string& kind) {
  const int64_t now_ns = options_.clock->NowNs();
  std::lock_guard lock(mutex_);
  for (const auto& [created_ns, id] : by_age_) {
    const Known& known = known_[id];
    if (known.kind == kind && known.lease_until_ns <= now_ns) return id;
  }
  return std::nullopt;
}

Result<std::optional<Job>> Jobs::Take(const std::string& kind) {
  while (true) {
    const auto id = NextOf(kind);
    if (!id.has_value()) return std::nullopt;
    ARROW_ASSIGN_OR_RAISE(auto job, TakeThis(*id));
    if (job.has_value()) return job;
  }
}

Result<std::optional<Job>> Jobs::TakeThis(const std::string& id) {
  const int64_t now_ns = options_.clock->NowNs();
  {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(id);
    if (known == known_.end() || known->second.finished_ns != 0) return std::nullopt;
    if (known->second.lease_until_ns > now_ns) return std::nullopt;
    // Nobody else tries meanwhile; set anew below.
    known->second.lease_until_ns = now_ns + options_.lease_ns;
  }
  const auto taken = [&]() -> Result<std::optional<Job>> {
    ARROW_ASSIGN_OR_RAISE(const std::string text, Text(id));
    ARROW_ASSIGN_OR_RAISE(Job job, Decode(id, text));
    if (job.IsEnded()) {
      Know(job, 0);
      return std::nullopt;
    }
    if (job.cancel_asked || job.attempts >= options_.attempts_max) {
      // Its worker was told to stop, or is lost again and again.
      job.state = job.cancel_asked ? JobState::kCancelled : JobState::kFailed;
      job.code = job.cancel_asked ? Code::kCancelled : Code::kAborted;
      job.message = job.cancel_asked
                        ? "the job was cancelled"
                        : fmt::format("the job was begun {} times and never ended", job.attempts);
      job.finished_ns = now_ns;
      job.lease.clear();
      ARROW_RETURN_NOT_OK(Replace(text, job));
      Know(job, 0);
      return std::nullopt;
    }
    job.state = JobState::kRunning;
    ++job.attempts;
    job.lease = options_.random->Uuid();
    ARROW_RETURN_NOT_OK(Replace(text, job));
    return job;
  }();
  if (!taken.ok()) {
    std::lock_guard lock(mutex_);
    if (const auto known = known_.find(id); known != known_.end()) {
      known->second.lease_until_ns = 0;
    }
  }
  return taken;
}

Result<Job> Jobs::Held(const std::string& id, const std::string& lease, std::string* text) {
  ARROW_ASSIGN_OR_RAISE(*text, Text(id));
  ARROW_ASSIGN_OR_RAISE(Job job, Decode(id, *text));
  if (job.state != JobState::kRunning || lease.empty() || job.lease != lease) return LeaseLost();
  return job;
}

Result<Job> Jobs::Heartbeat(const std::string& id, const std::string& lease, double progress) {
  std::string text;
  ARROW_ASSIGN_OR_RAISE(Job job, Held(id, lease, &text));
  if (job.progress != progress) {
    job.progress = progress;
    const Status replaced = Replace(text, job);
    // Somebody asked to cancel in between: the next heartbeat tells.
    if (!replaced.ok() && ReasonOf(replaced) != Reason::kConflict) return replaced;
  }
  Know(job, options_.clock->NowNs() + options_.lease_ns);
  return job;
}

Status Jobs::Finish(const std::string& id, const std::string& lease, const std::string& outcome,
                    const Changes& changes) {
  ARROW_RETURN_NOT_OK(CheckSize(outcome, "outcome"));
  while (true) {
    std::string text;
    ARROW_ASSIGN_OR_RAISE(Job job, Held(id, lease, &text));
    job.state = JobState::kDone;
    job.progress = 1;
    job.outcome = outcome;
    job.finished_ns = options_.clock->NowNs();
    const Status replaced = Replace(text, job, changes);
    if (!replaced.ok()) {
      // The record changed in between, or a change of the caller's does not fit.
      ARROW_ASSIGN_OR_RAISE(const std::string now, Text(id));
      if (ReasonOf(replaced) == Reason::kConflict && now != text) continue;
      return replaced;
    }
    Know(job, 0);
    return Status::OK();
  }
}

Status Jobs::Fail(const std::string& id, const std::string& lease, const Status& why) {
  while (true) {
    std::string text;
    ARROW_ASSIGN_OR_RAISE(Job job, Held(id, lease, &text));
    job.state = CodeOf(why) == Code::kCancelled ? JobState::kCancelled : JobState::kFailed;
    job.code = CodeOf(why);
    job.message = MessageOf(why);
    Shorten(&job.message);
    job.finished_ns = options_.clock->NowNs();
    const Status replaced = Replace(text, job);
    if (ReasonOf(replaced) == Reason::kConflict) continue;
    ARROW_RETURN_NOT_OK(replaced);
    Know(job, 0);
    return Status::OK();
  }
}

Status Jobs::Cancel(const std::string& id) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const std::string text, Text(id));
    ARROW_ASSIGN_OR_RAISE(Job job, Decode(id, text));
    if (job.IsEnded() || job.cancel_asked) return Status::OK();
    job.cancel_asked = true;
    const bool ready = job.state == JobState::kReady;
    if (ready) {
      job.state = JobState::kCancelled;
      job.code = Code::kCancelled;
      job.message = "the job was cancelled";
      job.finished_ns = options_.clock->NowNs();
    }
    const Status replaced = Replace(text, job);
    if (ReasonOf(replaced) == Reason::kConflict) continue;
    ARROW_RETURN_NOT_OK(replaced);
    if (ready) Know(job, 0);
    return Status::OK();
  }
}

Result<std::vector<std::string>> Jobs::ForgetOld() {
  const int64_t before_ns = options_.clock->NowNs() - options_.keep_ns;
  std::vector<std::string> ids;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, known] : known_) {
      if (known.finished_ns != 0 && known.finished_ns < before_ns) ids.push_back(id);
    }
  }
  Changes changes;
  for (const std::string& id : ids) changes.push_back({.name = NameOf(id)});
  if (changes.empty()) return ids;
  ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(changes));
  std::lock_guard lock(mutex_);
  for (const std::string& id : ids) known_.erase(id);
  return ids;
}

}  // namespace firth::work
