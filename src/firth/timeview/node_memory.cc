// Regions, which are mapped, are cut into slabs, and these into pieces of one size. A slab all of
// whose pieces came back serves any size again; a region of such slabs goes back to the kernel, if
// there is another.

#include "firth/timeview/node_memory.h"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>

#include "firth/common/status.h"

namespace firth::timeview {
namespace {

/// What the kernel maps at once where it can.
constexpr size_t kRegionBytes = size_t{2} << 20;
constexpr size_t kSlabBytes = size_t{128} << 10;
constexpr size_t kSlabs = kRegionBytes / kSlabBytes;
/// In front of the first slab of a region: what is known of all of them.
constexpr size_t kHeaderBytes = 1024;

constexpr size_t kLeastBits = 8;
constexpr size_t kPieceBytesMin = size_t{1} << kLeastBits;
/// Sizes from one power of two to the next.
constexpr size_t kStepBits = 3;
constexpr size_t kSteps = size_t{1} << kStepBits;

struct Size {
  size_t number = 0;
  size_t bytes = 0;
};
constexpr Size SizeFor(size_t bytes) {
  if (bytes <= kPieceBytesMin) return {.number = 0, .bytes = kPieceBytesMin};
  const size_t last = bytes - 1;
  const auto power = static_cast<size_t>(std::bit_width(last)) - 1;
  const size_t steps = last >> (power - kStepBits);  // kSteps to 2 * kSteps - 1
  return {.number = (power - kLeastBits) * kSteps + steps - kSteps + 1,
          .bytes = (steps + 1) << (power - kStepBits)};
}
constexpr size_t kSizes = SizeFor(NodeMemory::kPieceBytesMax).number + 1;
static_assert(SizeFor(NodeMemory::kPieceBytesMax).bytes == NodeMemory::kPieceBytesMax);
static_assert(SizeFor(257).number == 1 && SizeFor(288).number == 1 && SizeFor(289).number == 2);
static_assert(SizeFor(2048).bytes == 2048 && SizeFor(2049).bytes == 2304);

constexpr uint16_t kNone = UINT16_MAX;
static_assert(kSlabBytes / kPieceBytesMin < kNone);

}  // namespace

struct NodeMemory::Core {
  ~Core() {
    while (unused.first != nullptr) Unmap(RegionOf(unused.first));
    FIRTH_CHECK(regions == 0);
  }

  struct Slab {
    Slab* before = nullptr;  // of the list that it is in, if any
    Slab* behind = nullptr;
    uint32_t piece_bytes = 0;
    uint16_t size = 0;      // its number
    uint16_t pieces = 0;    // that there is room for
    uint16_t used = 0;      // of these, handed out
    uint16_t touched = 0;   // of these, handed out once at least: the first ones
    uint16_t back = kNone;  // of the touched, the last that came back; it holds which came before
  };
  struct Region {
    Core* core = nullptr;
    size_t slabs_used = 0;
    std::array<Slab, kSlabs> slabs;
  };
  static_assert(sizeof(Region) <= kHeaderBytes);

  /// Slabs in no order.
  struct List {
    Slab* first = nullptr;

    void Add(Slab* slab) {
      slab->before = nullptr;
      slab->behind = first;
      if (first != nullptr) first->before = slab;
      first = slab;
    }
    void Remove(Slab* slab) {
      (slab->before != nullptr ? slab->before->behind : first) = slab->behind;
      if (slab->behind != nullptr) slab->behind->before = slab->before;
    }
  };

  static Region* RegionOf(void* at) {
    return reinterpret_cast<Region*>(reinterpret_cast<uintptr_t>(at) & ~(kRegionBytes - 1));
  }
  static std::byte* PieceAt(Slab* slab, size_t number) {
    Region* const region = RegionOf(slab);
    const auto index = static_cast<size_t>(slab - region->slabs.data());
    auto* const begin = reinterpret_cast<std::byte*>(region) + index * kSlabBytes;
    return begin + (index == 0 ? kHeaderBytes : 0) + number * slab->piece_bytes;
  }

  void Map();
  void Unmap(Region* region);
  void* Take(size_t bytes);
  /// Whether this was the last piece, and nobody will want another one.
  bool GiveBack(void* piece);

  std::mutex mutex;
  std::array<List, kSizes> with_room;  // slabs of each size some of whose pieces are not in use
  List unused;                         // slabs of no size
  size_t regions = 0;
  size_t regions_unused = 0;
  size_t pieces = 0;  // handed out
  bool let_go = false;
};

void NodeMemory::Core::Map() {
  // Twice as much has a whole region in it, wherever it lies.
  void* const mapped = mmap(nullptr, 2 * kRegionBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FIRTH_CHECK(mapped != MAP_FAILED);
  auto* const begin = static_cast<std::byte*>(mapped);
  auto* const from = reinterpret_cast<std::byte*>(RegionOf(begin + kRegionBytes - 1));
  const auto before = static_cast<size_t>(from - begin);
  if (before > 0) munmap(begin, before);
  if (before < kRegionBytes) munmap(from + kRegionBytes, kRegionBytes - before);
  auto* const region = new (from) Region();
  region->core = this;
  // Only now, when it has a page: so it grows page by page, nobody waits until all of it is zeroed,
  // and the kernel makes one page of it when it has time. Not the first: who has few nodes needs
  // few pages, and of views there may be many.
  if (regions > 0) (void)madvise(from, kRegionBytes, MADV_HUGEPAGE);
  for (Slab& slab : region->slabs) unused.Add(&slab);
  ++regions;
  ++regions_unused;
}

void NodeMemory::Core::Unmap(Region* region) {
  for (Slab& slab : region->slabs) unused.Remove(&slab);
  --regions;
  --regions_unused;
  FIRTH_CHECK(munmap(region, kRegionBytes) == 0);
}

void* NodeMemory::Core::Take(size_t bytes) {
  const Size size = SizeFor(bytes);
  std::lock_guard lock(mutex);
  List& slabs = with_room[size.number];
  if (slabs.first == nullptr) {
    if (unused.first == nullptr) Map();
    Slab* const slab = unused.first;
    unused.Remove(slab);
    Region* const region = RegionOf(slab);
    if (region->slabs_used++ == 0) --regions_unused;
    const bool first = slab == region->slabs.data();
    *slab = {
        .piece_bytes = static_cast<uint32_t>(size.bytes),
        .size = static_cast<uint16_t>(size.number),
        .pieces = static_cast<uint16_t>((kSlabBytes - (first ? kHeaderBytes : 0)) / size.bytes)};
    slabs.Add(slab);
  }
  Slab* const slab = slabs.first;
  std::byte* piece = nullptr;
  if (slab->back != kNone) {
    piece = PieceAt(slab, slab->back);
    std::memcpy(&slab->back, piece, sizeof slab->back);
  } else {
    piece = PieceAt(slab, slab->touched++);
  }
  if (++slab->used == slab->pieces) slabs.Remove(slab);
  ++pieces;
  return piece;
}

bool NodeMemory::Core::GiveBack(void* piece) {
  std::lock_guard lock(mutex);
  Region* const region = RegionOf(piece);
  const auto in_region =
      static_cast<size_t>(static_cast<std::byte*>(piece) - reinterpret_cast<std::byte*>(region));
  Slab* const slab = &region->slabs[in_region / kSlabBytes];
  const auto in_slab = static_cast<size_t>(static_cast<std::byte*>(piece) - PieceAt(slab, 0));
  FIRTH_CHECK(slab->used > 0 && in_slab % slab->piece_bytes == 0);
  std::memcpy(piece, &slab->back, sizeof slab->back);
  slab->back = static_cast<uint16_t>(in_slab / slab->piece_bytes);
  List& slabs = with_room[slab->size];
  if (slab->used-- == slab->pieces) slabs.Add(slab);
  if (slab->used == 0) {
    slabs.Remove(slab);
    unused.Add(slab);
    if (--region->slabs_used == 0 && ++regions_unused > 1) Unmap(region);
  }
  return --pieces == 0 && let_go;
}

NodeMemory::NodeMemory() : core_(new Core) {}

NodeMemory::~NodeMemory() {
  bool last = false;
  {
    std::lock_guard lock(core_->mutex);
    core_->let_go = true;
    last = core_->pieces == 0;
  }
  if (last) delete core_;
}

void* NodeMemory::Take(size_t bytes) {
  FIRTH_CHECK(bytes <= kPieceBytesMax);
  return core_->Take(bytes);
}

void NodeMemory::GiveBack(void* piece) {
  Core* const core = Core::RegionOf(piece)->core;
  if (core->GiveBack(piece)) delete core;
}

size_t NodeMemory::BytesMapped() const {
  std::lock_guard lock(core_->mutex);
  return core_->regions * kRegionBytes;
}

}  // namespace firth::timeview
