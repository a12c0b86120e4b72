#include "firth/timeview/step_codec.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "firth/timeview/bit_packing.h"
#include "firth/timeview/integer_codec.h"

namespace firth::timeview {
namespace {

/// Neighbours from the middle of the column that are looked at to find the unit.
constexpr size_t kSample = 128;

/// The least difference of neighbours that are not equal; 0 if there is none, or a number comes
/// after a greater one.
uint64_t UnitOf(std::span<const int64_t> numbers) {
  const size_t taken = std::min(numbers.size(), kSample);
  const auto sample = numbers.subspan((numbers.size() - taken) / 2, taken);
  uint64_t unit = 0;
  for (size_t i = 1; i < sample.size(); ++i) {
    if (sample[i] < sample[i - 1]) return 0;
    const uint64_t difference =
        static_cast<uint64_t>(sample[i]) - static_cast<uint64_t>(sample[i - 1]);
    if (difference > 0 && (unit == 0 || difference < unit)) unit = difference;
  }
  return unit;
}

}  // namespace

// | u8 order 3 | u8 bits | u8 how many of them are for what is left | i64 the first number | i64
// unit | i64 least of what is left | packed: units << those bits | what is left, less the least
bool EncodeSteps(std::span<const int64_t> numbers, double bits_max, std::string* out) {
  FIRTH_CHECK(numbers.size() > 1);
  const uint64_t unit = UnitOf(numbers);
  if (unit == 0 || unit > uint64_t{1} << 62) return false;
  const size_t steps = numbers.size() - 1;
  std::vector<uint64_t> units(steps);
  std::vector<int64_t> left(steps);
  uint64_t all = 0;
  int64_t least = 0;
  int64_t most = 0;
  for (size_t i = 0; i < steps; ++i) {
    if (numbers[i + 1] < numbers[i]) return false;
    const uint64_t difference =
        static_cast<uint64_t>(numbers[i + 1]) - static_cast<uint64_t>(numbers[i]);
    units[i] = difference / unit;
    uint64_t rest = difference % unit;
    // The nearest multiple: what is left is on either side of it.
    if (rest > unit / 2) {
      ++units[i];
      rest -= unit;
    }
    left[i] = static_cast<int64_t>(rest);
    all |= units[i];
    least = std::min(least, left[i]);
    most = std::max(most, left[i]);
  }
  const auto range = static_cast<uint64_t>(most) - static_cast<uint64_t>(least);
  const auto left_bits = static_cast<int>(std::bit_width(range));
  const int bits = left_bits + static_cast<int>(std::bit_width(all));
  if (bits < 1 || bits > kPackedBitsMax || bits >= bits_max) return false;
  for (size_t i = 0; i < steps; ++i) {
    units[i] =
        units[i] << left_bits | (static_cast<uint64_t>(left[i]) - static_cast<uint64_t>(least));
  }
  out->push_back(static_cast<char>(kStepsOrder));
  out->push_back(static_cast<char>(bits));
  out->push_back(static_cast<char>(left_bits));
  AppendLe(out, numbers.front());
  AppendLe(out, unit);
  AppendLe(out, least);
  PackBits(units, bits, out);
  return true;
}

Status DecodeSteps(ByteReader* in, std::span<int64_t> numbers) {
  const int bits = in->Le<uint8_t>();
  const int left_bits = in->Le<uint8_t>();
  const auto first = in->Le<int64_t>();
  const auto unit = in->Le<uint64_t>();
  const auto least = in->Le<uint64_t>();
  if (!in->ok() || numbers.empty() || bits < 1 || bits > kPackedBitsMax || left_bits > bits) {
    return Malformed("the head of a column of steps");
  }
  numbers[0] = first;
  // The numbers are put together in place of what is packed.
  const std::span<int64_t> rest = numbers.subspan(1);
  const std::span<uint64_t> steps(reinterpret_cast<uint64_t*>(rest.data()), rest.size());
  const Bytes packed = in->Take(PackedBytes(steps.size(), bits));
  if (!in->ok()) return Malformed("a column of steps that is cut off");
  UnpackBits(packed, bits, steps);
  const uint64_t mask = (uint64_t{1} << left_bits) - 1;
  auto before = static_cast<uint64_t>(first);
  for (uint64_t& step : steps) {
    before += (step >> left_bits) * unit + (step & mask) + least;
    step = before;
  }
  return Status::OK();
}

}  // namespace firth::timeview
