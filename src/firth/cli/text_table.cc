#include "firth/cli/text_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "firth/common/status.h"

namespace firth::cli {
namespace {

/// The code point that begins at `*at`, which moves past it. Bytes that are not UTF-8 count singly.
uint32_t NextCodePoint(const std::string& text, size_t* at) {
  const auto byte_at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const uint32_t first = byte_at((*at)++);
  const size_t more = first >= 0xf8 || first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  uint32_t point = first & (0xffu >> (more + (more > 0 ? 2 : 0)));
  for (size_t i = 0; i < more; ++i) {
    if ((byte_at(*at + i) & 0xc0u) != 0x80u) return first;
    point = point << 6 | (byte_at(*at + i) & 0x3fu);
  }
  *at += more;
  return point;
}

bool IsWide(uint32_t point) {
  static constexpr std::array<std::pair<uint32_t, uint32_t>, 9> kRanges = {{{0x1100, 0x115f},
                                                                            {0x2e80, 0xa4cf},
                                                                            {0xac00, 0xd7a3},
                                                                            {0xf900, 0xfaff},
                                                                            {0xfe30, 0xfe6f},
                                                                            {0xff00, 0xff60},
                                                                            {0xffe0, 0xffe6},
                                                                            {0x1f300, 0x1faff},
                                                                            {0x20000, 0x3fffd}}};
  return std::any_of(kRanges.begin(), kRanges.end(), [point](const auto& range) {
    return point >= range.first && point <= range.second;
  });
}

/// Control bytes would move the cursor of a terminal.
std::string OneLine(std::string text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      shown += "⏎";
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += ' ';
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace

size_t DisplayWidth(const std::string& text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = NextCodePoint(text, &at);
    const bool combining = point >= 0x300 && point <= 0x36f;
    width += combining ? 0 : IsWide(point) ? 2 : 1;
  }
  return width;
}

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(DisplayWidth(column.title));
}

void TextTable::Add(std::vector<std::string> cells) {
  FIRTH_CHECK(cells.size() == columns_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = OneLine(std::move(cells[i]));
    widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::Take(bool titles) {
  std::string text;
  if (titles) {
    std::vector<std::string> cells;
    for (const Column& column : columns_) cells.push_back(column.title);
    text += Line(cells);
    for (size_t i = 0; i < cells.size(); ++i) cells[i] = std::string(widths_[i], '-');
    text += Line(cells);
  }
  for (const auto& row : rows_) text += Line(row);
  rows_.clear();
  return text;
}

std::string TextTable::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths_[i] - DisplayWidth(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace firth::cli
