#include "firth/cli/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "firth/cli/output.h"

namespace firth::cli {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kTerminalStepNs = kSecondNs / 5;
constexpr int64_t kLogStepNs = 10 * kSecondNs;

std::string TimeLeft(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  if (whole < 120) return std::to_string(whole) + " s left";
  if (whole < 7200) return std::to_string(whole / 60) + " min left";
  return std::to_string(whole / 3600) + " h left";
}

}  // namespace

Progress::Progress(const Clock* clock, std::string verb)
    : clock_(clock),
      verb_(std::move(verb)),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_ns_(clock->MonotonicNs()),
      next_ns_(start_ns_ + (terminal_ ? kTerminalStepNs : kLogStepNs)) {}

Progress::~Progress() {
  if (drawn_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::Update(int64_t rows, double part) {
  const int64_t now_ns = clock_->MonotonicNs();
  if (now_ns < next_ns_) return;
  next_ns_ = now_ns + (terminal_ ? kTerminalStepNs : kLogStepNs);
  const std::string text = verb_ + ": " + ProgressText(rows, part, seconds());
  std::fprintf(stderr, terminal_ ? "\r%s\033[K" : "%s\n", text.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

double Progress::seconds() const {
  return static_cast<double>(clock_->MonotonicNs() - start_ns_) / static_cast<double>(kSecondNs);
}

std::string ProgressText(int64_t rows, double part, double seconds) {
  std::string text = rows < 0 ? "" : Counted(rows, "row");
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (part >= 0) add(std::to_string(static_cast<int>(part * 100)) + "%");
  if (seconds <= 0) return text;
  if (rows < 0) {
    add(std::to_string(static_cast<int64_t>(seconds)) + " s");
  } else {
    add(WithCommas(static_cast<int64_t>(static_cast<double>(rows) / seconds)) + " rows/s");
  }
  if (part > 0.01 && part < 1) text += ", " + TimeLeft(seconds / part - seconds);
  return text;
}

}  // namespace firth::cli
