// Text in aligned columns, for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace firth::cli {

/// How many columns of a terminal `text` takes: its code points, wide ones (East Asian, emoji)
/// twice.
size_t DisplayWidth(const std::string& text);

/// Rows are kept until Text; a column is as wide as its widest cell.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns);
  /// `cells` are as many as the columns. Line ends inside are shown as ⏎.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  /// All rows, each line ended, with the titles above where `titles`. Drops the rows, keeps the
  /// widths, so that later rows stand below earlier ones.
  std::string Take(bool titles);

 private:
  std::string Line(const std::vector<std::string>& cells) const;

  const std::vector<Column> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace firth::cli
