#include "firth/doors/beneath/time_text.h"

#include <chrono>
#include <optional>
#include <string>

namespace firth::doors::beneath {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

Status Bad(std::string_view text) {
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               "'" + std::string(text.substr(0, 64)) + "' is not a time");
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool done() const { return text_.empty(); }
  bool Eat(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool EatEither(char a, char b) { return Eat(a) || Eat(b); }
  std::optional<int> Digits(size_t count) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  /// Nanoseconds of a fraction; digits beyond the ninth are dropped. None without a digit.
  std::optional<int64_t> Fraction() {
    int64_t value = 0;
    size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      if (digits < 9) value = value * 10 + (text_[digits] - '0');
    }
    if (digits == 0) return std::nullopt;
    for (size_t i = digits; i < 9; ++i) value *= 10;
    text_.remove_prefix(digits);
    return value;
  }

 private:
  std::string_view text_;
};

struct Parsed {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
};

/// With `loose`, what is behind any of the year, month, day and time may be missing.
std::optional<Parsed> Parse(std::string_view text, bool loose) {
  namespace chrono = std::chrono;
  Reader in(text);
  const auto year = in.Digits(4);
  if (!year) return std::nullopt;
  int month = 1;
  int day = 1;
  const auto days = [&]() -> std::optional<int64_t> {
    const chrono::year_month_day date(chrono::year(*year),
                                      chrono::month(static_cast<unsigned>(month)),
                                      chrono::day(static_cast<unsigned>(day)));
    if (!date.ok()) return std::nullopt;
    return chrono::sys_days(date).time_since_epoch().count();
  };
  const auto at_midnight = [&]() -> std::optional<Parsed> {
    const auto count = days();
    if (!count) return std::nullopt;
    return Parsed{.seconds = *count * 86400};
  };
  for (int* part : {&month, &day}) {
    if (in.done() && loose) return at_midnight();
    if (!in.Eat('-')) return std::nullopt;
    const auto digits = in.Digits(2);
    if (!digits) return std::nullopt;
    *part = *digits;
  }
  if (in.done() && loose) return at_midnight();
  if (!in.EatEither('T', 't') && !in.Eat(' ')) return std::nullopt;
  const auto hour = in.Digits(2);
  if (!hour || !in.Eat(':')) return std::nullopt;
  const auto minute = in.Digits(2);
  if (!minute || !in.Eat(':')) return std::nullopt;
  const auto second = in.Digits(2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto count = days();
  if (!count) return std::nullopt;
  Parsed out{.seconds = *count * 86400 + *hour * 3600 + *minute * 60 + *second};
  if (in.Eat('.')) {
    const auto fraction = in.Fraction();
    if (!fraction) return std::nullopt;
    out.nanoseconds = *fraction;
  }
  if (in.done()) return loose ? std::optional(out) : std::nullopt;
  if (in.EatEither('Z', 'z')) return in.done() ? std::optional(out) : std::nullopt;
  const bool minus = in.Eat('-');
  if (!minus && !in.Eat('+')) return std::nullopt;
  const auto offset_hours = in.Digits(2);
  if (!offset_hours || !in.Eat(':')) return std::nullopt;
  const auto offset_minutes = in.Digits(2);
  if (!offset_minutes || !in.done() || *offset_hours > 23 || *offset_minutes > 59)
    return std::nullopt;
  const int64_t offset = *offset_hours * 3600 + *offset_minutes * 60;
  out.seconds += minus ? offset : -offset;
  return out;
}

}  // namespace

Result<int64_t> ParseTimeNs(std::string_view text) {
  const auto parsed = Parse(text, /*loose=*/false);
  int64_t ns = 0;
  if (!parsed || __builtin_mul_overflow(parsed->seconds, kSecondNs, &ns) ||
      __builtin_add_overflow(ns, parsed->nanoseconds, &ns)) {
    return Bad(text);
  }
  return ns;
}

Result<int64_t> ParseLooseTimeMs(std::string_view text) {
  const auto parsed = Parse(text, /*loose=*/true);
  if (!parsed) return Bad(text);
  return parsed->seconds * 1000 + parsed->nanoseconds / 1'000'000;
}

}  // namespace firth::doors::beneath
