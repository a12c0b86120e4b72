// Columns of ascending integers that lie on a grid with holes in it: times of a regular series of
// which some are told, as those of points that came late. Their differences are multiples of one
// unit, give or take a little. What is packed is how many units and how little, a few bits of each;
// their planes of bytes would be noise to a general coder, which would take as long as a leaf.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "firth/common/bytes.h"
#include "firth/common/status.h"

namespace firth::timeview {

/// Stands where other columns have their order (integer_codec.h).
inline constexpr uint8_t kStepsOrder = 3;

/// Append a column of at least two numbers that takes fewer than `bits_max` bits a number, its
/// order included. False, and nothing appended, where it is not so.
bool EncodeSteps(std::span<const int64_t> numbers, double bits_max, std::string* out);

/// Read a column behind its order. Error kDataLoss / kChecksumMismatch, without a place.
Status DecodeSteps(ByteReader* in, std::span<int64_t> numbers);

}  // namespace firth::timeview
