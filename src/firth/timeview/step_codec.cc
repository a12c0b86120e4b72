#include "firth/timeview/step_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>
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

/// Lower numbers are doubles, too; their quotients as doubles are wrong by less than a half.
constexpr uint64_t kExact = uint64_t{1} << 50;

/// Divides by a unit, which is at most 2^62.
class Divider {
 public:
  explicit Divider(uint64_t unit)
      : unit_(unit), inverse_(1.0 / static_cast<double>(unit)), half_(unit / 2) {}

  uint64_t unit() const { return unit_; }
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
  const uint64_t unit_;
  const double inverse_;
  const uint64_t half_;
};

/// Steps in units, and what is left of them.
struct Divided {
  explicit Divided(size_t count)
      : size(count),
        units(std::make_unique_for_overwrite<uint64_t[]>(count)),
        left(std::make_unique_for_overwrite<int64_t[]>(count)) {}

  size_t size;
  std::unique_ptr<uint64_t[]> units;
  std::unique_ptr<int64_t[]> left;
  uint64_t all = 0;  // all units, their bits together
  int64_t least = 0;
  int64_t most = 0;
};

#if defined(__x86_64__)
// Four steps at once, as doubles: without AVX-512 no processor divides, multiplies or converts so
// many integers.
constexpr size_t kLanes = 4;
using Signed [[gnu::vector_size(32)]] = int64_t;
using Unsigned [[gnu::vector_size(32)]] = uint64_t;
using Doubles [[gnu::vector_size(32)]] = double;

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

/// Divide steps from the front; gives how many. 0 if one of them is not below kExact.
[[gnu::target("avx2")]] size_t DivideFront(std::span<const int64_t> numbers, uint64_t unit,
                                           Divided* out) {
  // A double between 2^52 and 2^53 has an integer as its low bits; one about 3 * 2^51, an integer
  // with its sign.
  constexpr double kShift = 0x1p52;
  constexpr double kSignedShift = 0x1.8p52;
  constexpr auto kShiftBits = std::bit_cast<uint64_t>(kShift);
  constexpr auto kSignedShiftBits = std::bit_cast<int64_t>(kSignedShift);
  const auto unit_as_double = static_cast<double>(unit);
  const double inverse = 1.0 / unit_as_double;
  const auto whole = static_cast<int64_t>(unit);
  const auto half = static_cast<int64_t>(unit / 2);
  Unsigned steps{};
  Unsigned all{};
  Signed least{};
  Signed most{};
  size_t i = 0;
  for (; i + kLanes <= out->size; i += kLanes) {
    Unsigned before;
    Unsigned four;
    std::memcpy(&before, numbers.data() + i, sizeof before);
    std::memcpy(&four, numbers.data() + i + 1, sizeof four);
    four -= before;
    steps |= four;
    const Doubles step = reinterpret_cast<Doubles>(four | kShiftBits) - kShift;
    // Off by one at most, as in Divider. All of these are integers without an error.
    const Doubles near = (step * inverse + kShift) - kShift;
    auto left =
        reinterpret_cast<Signed>((step - near * unit_as_double) + kSignedShift) - kSignedShiftBits;
    const Signed more = left > half;  // -1 where it is so
    const Signed less = left < half - whole + 1;
    left += (more & -whole) + (less & whole);
    auto units = reinterpret_cast<Unsigned>(near + kShift) - kShiftBits;
    units += reinterpret_cast<Unsigned>(less - more);
    all |= units;
    least = left < least ? left : least;
    most = left > most ? left : most;
    std::memcpy(out->units.get() + i, &units, sizeof units);
    std::memcpy(out->left.get() + i, &left, sizeof left);
  }
  if ((steps[0] | steps[1] | steps[2] | steps[3]) >= kExact) return 0;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    out->all |= all[lane];
    out->least = std::min<int64_t>(out->least, least[lane]);
    out->most = std::max<int64_t>(out->most, most[lane]);
  }
  return i;
}

/// Put units and what is left together, from the front; gives how many.
[[gnu::target("avx2")]] size_t JoinFront(int left_bits, Divided* steps) {
  size_t i = 0;
  for (; i + kLanes <= steps->size; i += kLanes) {
    Unsigned units;
    Signed left;
    std::memcpy(&units, steps->units.get() + i, sizeof units);
    std::memcpy(&left, steps->left.get() + i, sizeof left);
    units = units << left_bits | reinterpret_cast<Unsigned>(left - steps->least);
    std::memcpy(steps->units.get() + i, &units, sizeof units);
  }
  return i;
}
#endif

Divided DivideSteps(std::span<const int64_t> numbers, const Divider& divider) {
  Divided out(numbers.size() - 1);
  size_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2() && divider.unit() < kExact) i = DivideFront(numbers, divider.unit(), &out);
#endif
  for (; i < out.size; ++i) {
    const auto difference =
        static_cast<uint64_t>(numbers[i + 1]) - static_cast<uint64_t>(numbers[i]);
    const Divider::Step step = divider.Divide(difference);
    out.units[i] = step.units;
    out.left[i] = step.left;
    out.all |= step.units;
    out.least = std::min(out.least, step.left);
    out.most = std::max(out.most, step.left);
  }
  return out;
}

}  // namespace

// | u8 order 3 | u8 bits | u8 how many of them are for what is left | i64 the first number | i64
// unit | i64 least of what is left | packed: units << those bits | what is left, less the least
bool EncodeSteps(std::span<const int64_t> numbers, double bits_max, std::string* out) {
  FIRTH_CHECK(numbers.size() > 1);
  const uint64_t unit = UnitOf(numbers);
  if (unit == 0 || unit > uint64_t{1} << 62) return false;
  if (!AreInOrder(numbers)) return false;
  Divided steps = DivideSteps(numbers, Divider(unit));
  const auto range = static_cast<uint64_t>(steps.most) - static_cast<uint64_t>(steps.least);
  const auto left_bits = static_cast<int>(std::bit_width(range));
  const int bits = left_bits + static_cast<int>(std::bit_width(steps.all));
  if (bits < 1 || bits > kPackedBitsMax || bits >= bits_max) return false;
  size_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2()) i = JoinFront(left_bits, &steps);
#endif
  for (; i < steps.size; ++i) {
    steps.units[i] = steps.units[i] << left_bits |
                     (static_cast<uint64_t>(steps.left[i]) - static_cast<uint64_t>(steps.least));
  }
  out->push_back(static_cast<char>(kStepsOrder));
  out->push_back(static_cast<char>(bits));
  out->push_back(static_cast<char>(left_bits));
  AppendLe(out, numbers.front());
  AppendLe(out, unit);
  AppendLe(out, steps.least);
  PackBits({steps.units.get(), steps.size}, bits, out);
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
