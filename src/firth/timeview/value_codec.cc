#include "firth/timeview/value_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace firth::timeview {
namespace {

enum class Rule : uint8_t {
  kDouble = 0,        // the place among all doubles
  kFloat = 1,         // the place among all float32
  kDecimal = 2,       // k / 10^e
  kFloatDecimal = 3,  // the float32 nearest to k / 10^e
  kBinary = 4,        // k * 2^s
  kProduct = 5,       // k * 10^-e, which is not always the same double as k / 10^e
};

struct Coding {
  Rule rule = Rule::kDouble;
  int scale = 0;  // e or s
};

constexpr std::array<double, 16> kPowersOfTen = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr double kWholeMax = 9007199254740992;  // 2^53
constexpr double kWholeOfFloatMax = 1 << 24;
constexpr size_t kSample = 128;
constexpr size_t kSampleLeast = 32;
/// Of so many values at most one may be odd.
constexpr size_t kOddShare = 32;
constexpr int kBinaryMin = -1074;
constexpr int kBinaryMax = 971;

uint64_t BitsOf(double value) {
  return std::bit_cast<uint64_t>(value);
}

/// The place of a double, or of a float32, among all: neighbours differ by one. Its own inverse.
constexpr int64_t Ordered(int64_t bits) {
  return bits ^ ((bits >> 63) & INT64_MAX);
}
constexpr int32_t Ordered(int32_t bits) {
  return bits ^ ((bits >> 31) & INT32_MAX);
}

/// The largest power of two of which a number is a multiple, as its logarithm.
int LowestBit(double value) {
  const uint64_t bits = BitsOf(value);
  const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
  const int exponent = static_cast<int>((bits >> 52) & 0x7ff);
  if (exponent == 0) return fraction == 0 ? kBinaryMax : kBinaryMin + std::countr_zero(fraction);
  return exponent - 1075 + std::countr_zero(fraction | (uint64_t{1} << 52));
}

/// 2^s where that may be below or above what a double holds, times a whole number.
double Scaled(double whole, int scale) {
  return std::ldexp(whole, scale);
}

// One of these is compiled for each rule, so that the loops over a column have no branch on it.
template <Rule kRule>
int64_t Number(double value, double power, int scale) {
  switch (kRule) {
    case Rule::kDouble:
      return Ordered(std::bit_cast<int64_t>(value));
    case Rule::kFloat:
      return Ordered(std::bit_cast<int32_t>(static_cast<float>(value)));
    case Rule::kDecimal:
    case Rule::kFloatDecimal:
    case Rule::kProduct: {
      const double whole = value * power;
      return std::abs(whole) < kWholeMax ? std::llrint(whole) : 0;
    }
    case Rule::kBinary: {
      const double whole = Scaled(value, -scale);
      return std::abs(whole) < kWholeMax ? static_cast<int64_t>(whole) : 0;
    }
  }
}

template <Rule kRule>
double Value(int64_t number, double power, int scale) {
  switch (kRule) {
    case Rule::kDouble:
      return std::bit_cast<double>(Ordered(number));
    case Rule::kFloat:
      return static_cast<double>(std::bit_cast<float>(Ordered(static_cast<int32_t>(number))));
    case Rule::kDecimal:
      return static_cast<double>(number) / power;
    case Rule::kFloatDecimal:
      return static_cast<double>(static_cast<float>(static_cast<double>(number) / power));
    case Rule::kBinary:
      return Scaled(static_cast<double>(number), scale);
    case Rule::kProduct:
      return static_cast<double>(number) * (1 / power);  // 1 / 10^e rounds to the literal 10^-e
  }
}

/// Call `visit` with the rule as a compile-time constant.
template <typename Visit>
auto WithRule(Rule rule, Visit visit) {
  switch (rule) {
    case Rule::kDouble:
      return visit(std::integral_constant<Rule, Rule::kDouble>());
    case Rule::kFloat:
      return visit(std::integral_constant<Rule, Rule::kFloat>());
    case Rule::kDecimal:
      return visit(std::integral_constant<Rule, Rule::kDecimal>());
    case Rule::kFloatDecimal:
      return visit(std::integral_constant<Rule, Rule::kFloatDecimal>());
    case Rule::kBinary:
      return visit(std::integral_constant<Rule, Rule::kBinary>());
    case Rule::kProduct:
      return visit(std::integral_constant<Rule, Rule::kProduct>());
  }
  FIRTH_CHECK(false);
}

bool IsDecimal(Rule rule) {
  return rule == Rule::kDecimal || rule == Rule::kFloatDecimal || rule == Rule::kProduct;
}

double PowerOf(const Coding& coding) {
  return IsDecimal(coding.rule) ? kPowersOfTen[static_cast<size_t>(coding.scale)] : 1;
}

#if defined(__x86_64__)
/// The places among all float32 of the first values, four at once; gives how many values were
/// looked at, and none if the float32 nearest to one of them is not the same.
[[gnu::target("avx2")]] size_t FrontToFloats(std::span<const double> values, int64_t* numbers) {
  constexpr size_t kLanes = 4;
  using Doubles [[gnu::vector_size(32)]] = double;
  using Floats [[gnu::vector_size(16)]] = float;
  using Ints [[gnu::vector_size(16)]] = int32_t;
  using Longs [[gnu::vector_size(32)]] = int64_t;
  Longs differs{};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    Doubles four;
    std::memcpy(&four, values.data() + i, sizeof four);
    const auto floats = __builtin_convertvector(four, Floats);
    const auto back = __builtin_convertvector(floats, Doubles);
    differs |= reinterpret_cast<Longs>(back) ^ reinterpret_cast<Longs>(four);
    const auto bits = reinterpret_cast<Ints>(floats);
    const auto places = __builtin_convertvector(bits ^ ((bits >> 31) & INT32_MAX), Longs);
    std::memcpy(numbers + i, &places, sizeof places);
  }
  return (differs[0] | differs[1] | differs[2] | differs[3]) == 0 ? i : 0;
}
#endif

/// Turn values into numbers. The places of those that the rule cannot give back go to `odd`; their
/// number is that of the value before.
void ToNumbers(const Coding& coding, std::span<const double> values, int64_t* numbers,
               std::vector<uint32_t>* odd) {
  odd->clear();
  const double power = PowerOf(coding);
  WithRule(coding.rule, [&](auto rule) {
    constexpr Rule kRule = decltype(rule)::value;
    // Seldom is any of them odd: the first time nothing is done about it.
    uint64_t differs = 0;
    size_t begin = 0;
#if defined(__x86_64__)
    static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
    if (kRule == Rule::kFloat && has_avx2) begin = FrontToFloats(values, numbers);
#endif
    for (size_t i = begin; i < values.size(); ++i) {
      numbers[i] = Number<kRule>(values[i], power, coding.scale);
      if constexpr (kRule != Rule::kDouble) {
        differs |= BitsOf(Value<kRule>(numbers[i], power, coding.scale)) ^ BitsOf(values[i]);
      }
    }
    for (size_t i = 0; i < values.size() && differs != 0; ++i) {
      if (BitsOf(Value<kRule>(numbers[i], power, coding.scale)) == BitsOf(values[i])) continue;
      odd->push_back(static_cast<uint32_t>(i));
      numbers[i] = i == 0 ? 0 : numbers[i - 1];
    }
  });
}

bool AreEqual(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [&](double value) { return BitsOf(value) == BitsOf(values.front()); });
}

bool FitsMost(size_t odd, size_t values) {
  return odd * kOddShare <= values;
}

/// The least number of decimal digits after which most values end; not so many that the numbers
/// would be as long as those of the places of float32 or double.
bool FindDigits(Rule rule, std::span<const double> sample, double least, Coding* coding) {
  const double whole_max = rule == Rule::kFloatDecimal ? kWholeOfFloatMax : kWholeMax;
  for (int digits = 0; digits < static_cast<int>(kPowersOfTen.size()); ++digits) {
    const double power = kPowersOfTen[static_cast<size_t>(digits)];
    if (least * power > whole_max) break;
    const bool fits = WithRule(rule, [&](auto constant) {
      constexpr Rule kRule = decltype(constant)::value;
      size_t odd = 0;
      for (const double value : sample) {
        const double back = Value<kRule>(Number<kRule>(value, power, 0), power, 0);
        if (BitsOf(back) != BitsOf(value) && !FitsMost(++odd, sample.size())) return false;
      }
      return true;
    });
    if (fits) {
      *coding = {rule, digits};
      return true;
    }
  }
  return false;
}

struct Choice {
  Coding coding;
  ColumnPlan plan{.bits = std::numeric_limits<double>::infinity()};
};

/// Choose by a run of neighbours from the middle of the column.
Choice Choose(std::span<const double> values, std::vector<uint32_t>* odd) {
  const size_t taken =
      std::min(values.size(), std::clamp(values.size() / 8, kSampleLeast, kSample));
  const auto sample = values.subspan((values.size() - taken) / 2, taken);
  std::array<int64_t, kSample> numbers;
  Choice best;
  const auto consider = [&](const Coding& coding) {
    ToNumbers(coding, sample, numbers.data(), odd);
    if (!FitsMost(odd->size(), taken)) return;
    const ColumnPlan plan = IntegerEncoder::PlanOf({numbers.data(), taken});
    if (plan.bits < best.plan.bits) best = {coding, plan};
  };
  bool floats = true;
  double least = std::numeric_limits<double>::infinity();  // of those that are not zero, in size
  int lowest = kBinaryMax;
  for (const double value : sample) {
    floats = floats && BitsOf(static_cast<double>(static_cast<float>(value))) == BitsOf(value);
    lowest = std::min(lowest, LowestBit(value));
    if (value != 0) least = std::min(least, std::abs(value));
  }
  consider({floats ? Rule::kFloat : Rule::kDouble, 0});
  Coding decimal;
  if (floats) {
    if (FindDigits(Rule::kFloatDecimal, sample, least, &decimal)) consider(decimal);
  } else {
    if (FindDigits(Rule::kDecimal, sample, least, &decimal)) consider(decimal);
    if (FindDigits(Rule::kProduct, sample, least, &decimal)) consider(decimal);
  }
  // Where the least of them uses all its digits, their places are as short.
  const int digits =
      floats ? std::numeric_limits<float>::digits : std::numeric_limits<double>::digits;
  const bool uses_all = std::isfinite(least) && std::ilogb(least) - lowest + 1 >= digits;
  if (!uses_all) consider({Rule::kBinary, lowest});
  return best;
}

}  // namespace

ValueEncoder::Numbers ValueEncoder::Turn(std::span<const double> values) {
  const Choice choice = AreEqual(values) ? Choice{{Rule::kDouble, 0}, {}} : Choose(values, &odd_);
  Numbers out{
      .rule = {static_cast<uint8_t>(choice.coding.rule), static_cast<int16_t>(choice.coding.scale)},
      .plan = choice.plan};
  numbers_.resize(values.size());
  ToNumbers(choice.coding, values, numbers_.data(), &odd_);
  if (!FitsMost(odd_.size(), values.size())) {
    out.rule = {static_cast<uint8_t>(Rule::kDouble), 0};
    ToNumbers({}, values, numbers_.data(), &odd_);
    out.plan = IntegerEncoder::PlanOf(numbers_);
  }
  out.numbers = numbers_;
  out.odd = odd_;
  return out;
}

// | u8 rule | i16 scale | varint odd values | for each: varint places since the last, u64 bits
// | the numbers
void ValueEncoder::Encode(std::span<const double> values, CodedFor use, IntegerEncoder* integers,
                          std::string* out) {
  // Equal ones are coded as one of them is.
  const size_t looked_at = AreEqual(values) ? std::min<size_t>(values.size(), 1) : values.size();
  const Numbers turned = Turn(values.first(looked_at));
  out->push_back(static_cast<char>(turned.rule.rule));
  AppendLe(out, turned.rule.scale);
  AppendVarint(out, odd_.size());
  uint32_t last = 0;
  for (const uint32_t place : odd_) {
    AppendVarint(out, place - last);
    AppendLe(out, BitsOf(values[place]));
    last = place;
  }
  integers->Encode(numbers_, turned.plan, use, out);
}

Status CheckRule(const ValueRule& rule) {
  const auto known = static_cast<Rule>(rule.rule);
  if (known > Rule::kProduct) return Malformed("the rule of a column of values");
  if (IsDecimal(known) &&
      (rule.scale < 0 || static_cast<size_t>(rule.scale) >= kPowersOfTen.size())) {
    return Malformed("the scale of a column of values");
  }
  return Status::OK();
}

void FromNumbers(const ValueRule& rule, std::span<const int64_t> numbers,
                 std::span<double> values) {
  const Coding coding{static_cast<Rule>(rule.rule), rule.scale};
  const double power = PowerOf(coding);
  WithRule(coding.rule, [&](auto constant) {
    constexpr Rule kRule = decltype(constant)::value;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = Value<kRule>(numbers[i], power, coding.scale);
    }
  });
}

Status DecodeValues(ByteReader* in, std::span<double> values) {
  ValueRule rule;
  rule.rule = in->Le<uint8_t>();
  rule.scale = in->Le<int16_t>();
  const uint64_t odd = in->Varint();
  ARROW_RETURN_NOT_OK(CheckRule(rule));
  if (!in->ok() || odd > values.size()) return Malformed("the head of a column of values");
  std::vector<std::pair<uint64_t, uint64_t>> odd_values;
  odd_values.reserve(odd);
  uint64_t place = 0;
  for (uint64_t i = 0; i < odd; ++i) {
    place += in->Varint(32);
    odd_values.emplace_back(place, in->Le<uint64_t>());
    if (!in->ok() || place >= values.size()) return Malformed("a value out of its column");
  }
  // Those of a leaf need no memory of the heap.
  std::array<int64_t, 2048> small;
  std::vector<int64_t> large(values.size() > small.size() ? values.size() : 0);
  const std::span<int64_t> numbers =
      large.empty() ? std::span(small).first(values.size()) : std::span(large);
  ARROW_RETURN_NOT_OK(DecodeIntegers(in, numbers));
  FromNumbers(rule, numbers, values);
  for (const auto& [at, bits] : odd_values) values[at] = std::bit_cast<double>(bits);
  return Status::OK();
}

}  // namespace firth::timeview
