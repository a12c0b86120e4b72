// The process's log of events: structured lines on standard error, with levels.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <string_view>
#include <utility>

namespace firth::logging {

/// Nothing is ever written at kNone: set it to write nothing.
enum class Level { kDebug, kInfo, kWarning, kError, kNone };

/// Set the least level that is written; kInfo at first. Thread-safe.
void SetLevel(Level level);
/// Is a line of this level written? Ask before preparing an expensive one.
bool Enabled(Level level);
/// Write one line: `room` says who speaks; `text` must hold no secret. Thread-safe.
void Write(Level level, std::string_view room, std::string_view text);

template <typename... Args>
void Debug(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kDebug)) {
    Write(Level::kDebug, room, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void Info(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kInfo)) {
    Write(Level::kInfo, room, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void Warning(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kWarning)) {
    Write(Level::kWarning, room, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void Error(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kError)) {
    Write(Level::kError, room, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace firth::logging
