#include "firth/server/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "firth/common/status.h"

namespace firth::server {
namespace {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);  // distances from a[0, i) to each b[0, j)
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j + 1] + 1, row[j] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string Nearest(std::string_view name, const std::vector<std::string>& known) {
  FIRTH_CHECK(!known.empty());
  return *std::min_element(known.begin(), known.end(), [name](const auto& a, const auto& b) {
    return EditDistance(name, a) < EditDistance(name, b);
  });
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known,
                       std::string_view before, std::string_view after) {
  const std::string nearest = Nearest(name, known);
  const size_t edits_max = std::max(size_t{2}, std::max(name.size(), nearest.size()) / 3);
  if (EditDistance(name, nearest) > edits_max) return "";
  return fmt::format("; did you mean {}{}{}?", before, nearest, after);
}

}  // namespace firth::server
