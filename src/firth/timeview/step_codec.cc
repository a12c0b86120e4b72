#include "firth/timeview/step_codec.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "firth/timeview/bit_packing.h"
#include "firth/timeview/integer_codec.h"
#include "firth/timeview/number_range.h"

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

/// Divides by a unit, which is at most 2^62.
class Divider {
 public:
  explicit Divider(uint64_t unit)
      : unit_(unit), inverse_(1.0 / static_cast<double>(unit)), half_(unit / 2) {}

  /// The nearest multiple, the lower one of two, and what is left, which is on either side of it.
  struct Step {
    uint64_t units = 0;
    int64_t left = 0;
  };
  Step Divide(uint64_t number) const {
    if (number >= kExact) {
      Step step{.units = number / unit_, .left = static_cast<int64_t>(number % unit_)};
      if (static_cast<uint64_t>(step.left) > half_) {
        ++step.units;
        step.left -= static_cast<int64_t>(unit_);
      }
      return step;
    }
    // A division takes several times as long; this is off by one at most.
    const double quotient = static_cast<double>(static_cast<int64_t>(number)) * inverse_;
    const auto near = static_cast<uint64_t>(static_cast<int64_t>(quotient + 0.5));
    auto left = static_cast<int64_t>(number - near * unit_);
    const int64_t more = left > static_cast<int64_t>(half_) ? 1 : 0;
    const int64_t less =
        left < static_cast<int64_t>(half_) - static_cast<int64_t>(unit_) + 1 ? 1 : 0;
    left += (less - more) * static_cast<int64_t>(unit_);
    return {.units = near + static_cast<uint64_t>(more - less), .left = left};
  }

 private:
  /// Lower numbers are doubles, too; their quotients as doubles are wrong by less than a half.
  static constexpr uint64_t kExact = uint64_t{1} << 50;

  const uint64_t unit_;
  const double inverse_;
  const uint64_t half_;
};

}  // namespace

// | u8 order 3 | u8 bits | u8 how many of them are for what is left | i64 the first number | i64
// unit | i64 least of what is left | packed: units << those bits | what is left, less the least
bool EncodeSteps(std::span<const int64_t> numbers, double bits_max, std::string* out) {
  FIRTH_CHECK(numbers.size() > 1);
  const uint64_t unit = UnitOf(numbers);
  if (unit == 0 || unit > uint64_t{1} << 62) return false;
  const size_t steps = numbers.size() - 1;
  if (!AreInOrder(numbers)) return false;
  const Divider divider(unit);
  const auto units = std::make_unique_for_overwrite<uint64_t[]>(steps);
  const auto left = std::make_unique_for_overwrite<int64_t[]>(steps);
  uint64_t all = 0;
  int64_t least = 0;
  int64_t most = 0;
  for (size_t i = 0; i < steps; ++i) {
    const auto difference =
        static_cast<uint64_t>(numbers[i + 1]) - static_cast<uint64_t>(numbers[i]);
    const Divider::Step step = divider.Divide(difference);
    units[i] = step.units;
    left[i] = step.left;
    all |= step.units;
    least = std::min(least, step.left);
    most = std::max(most, step.left);
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
  PackBits({units.get(), steps}, bits, out);
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
