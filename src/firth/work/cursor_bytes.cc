#include "firth/work/cursor_bytes.h"

#include <arrow/util/compression.h>
#include <openssl/evp.h>

#include <algorithm>

#include "firth/common/bytes.h"
#include "firth/schema/key.h"

namespace firth::work {
namespace {

// 1 kind | 1 flags | 16 id | varints from, to | [prefix] | [after] | [varint size of keys] | keys
// prefix, after: varint size | 16 digest
// keys, deflated when that is shorter: varint size of from | varint bytes that to begins with as
// from does | from | the rest of to
constexpr size_t kIdBytes = 16;
constexpr size_t kDigestBytes = 16;
constexpr uint8_t kPacked = 1;
constexpr uint8_t kHasPrefix = 2;
constexpr uint8_t kHasAfter = 4;
constexpr uint8_t kHasEnd = 8;
constexpr uint8_t kBehind = 16;
constexpr uint8_t kAllFlags = 31;
constexpr size_t kTextBytesMax = 1 << 20;
constexpr size_t kKeysBytesMax = 2 * kTextBytesMax;
// The end of a range takes at most this, so that there is room for a position inside of it.
constexpr size_t kEndBytesMax = 440;
// How much of a text that is too long is kept.
constexpr size_t kShortFirst = 900;
constexpr size_t kShortStep = 100;

Status Bad() {
  return Error(Code::kInvalidArgument, Reason::kBadValue, "the cursor is not one of this server's");
}
Status TooLong() {
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               "the bounds of the range are too long for a cursor");
}

std::string Digest(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  FIRTH_CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return std::string(reinterpret_cast<const char*>(digest), kDigestBytes);
}

Result<std::unique_ptr<arrow::util::Codec>> Deflate() {
  arrow::util::GZipCodecOptions options;
  options.gzip_format = arrow::util::GZipFormat::DEFLATE;
  return arrow::util::Codec::Create(arrow::Compression::GZIP, options);
}

Result<std::string> Pack(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const auto codec, Deflate());
  const auto* const input = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  std::string out(static_cast<size_t>(codec->MaxCompressedLen(size, input)), '\0');
  ARROW_ASSIGN_OR_RAISE(const int64_t packed,
                        codec->Compress(size, input, static_cast<int64_t>(out.size()),
                                        reinterpret_cast<uint8_t*>(out.data())));
  out.resize(static_cast<size_t>(packed));
  return out;
}

Result<std::string> Unpack(std::string_view packed, size_t size) {
  if (size > kKeysBytesMax) return Bad();
  ARROW_ASSIGN_OR_RAISE(const auto codec, Deflate());
  std::string out(size, '\0');
  const auto found = codec->Decompress(
      static_cast<int64_t>(packed.size()), reinterpret_cast<const uint8_t*>(packed.data()),
      static_cast<int64_t>(size), reinterpret_cast<uint8_t*>(out.data()));
  if (!found.ok() || *found != static_cast<int64_t>(size)) return Bad();
  return out;
}

std::string KeysText(const KeyRange& keys) {
  const auto differ =
      std::mismatch(keys.from.begin(), keys.from.end(), keys.to.begin(), keys.to.end());
  const auto same = static_cast<size_t>(differ.first - keys.from.begin());
  std::string out;
  AppendVarint(&out, keys.from.size());
  AppendVarint(&out, same);
  return out + keys.from + keys.to.substr(same);
}

void AppendText(std::string* out, const LongText& text) {
  AppendVarint(out, text.size);
  *out += text.digest;
}

Result<std::string> Plain(const Cursor& cursor) {
  std::string keys = KeysText(cursor.keys);
  const size_t size = keys.size();
  uint8_t flags = 0;
  if (size > kCursorBodyMax / 2) {
    ARROW_ASSIGN_OR_RAISE(std::string packed, Pack(keys));
    if (packed.size() < size) {
      keys = std::move(packed);
      flags |= kPacked;
    }
  }
  if (cursor.keys.prefix.IsSet()) flags |= kHasPrefix;
  if (cursor.after.IsSet()) flags |= kHasAfter;
  if (!cursor.keys.to.empty()) flags |= kHasEnd;
  if (cursor.behind) flags |= kBehind;
  std::string out;
  out.push_back(static_cast<char>(cursor.kind));
  out.push_back(static_cast<char>(flags));
  out += cursor.id;
  AppendVarint(&out, static_cast<uint64_t>(cursor.from));
  AppendVarint(&out, static_cast<uint64_t>(cursor.to));
  if (cursor.keys.prefix.IsSet()) AppendText(&out, cursor.keys.prefix);
  if (cursor.after.IsSet()) AppendText(&out, cursor.after);
  if ((flags & kPacked) != 0) AppendVarint(&out, size);
  return out + keys;
}

/// The text that all keys of a range begin with, if nothing else bounds it.
std::string_view PrefixOf(const Cursor& cursor) {
  const std::string_view from = cursor.keys.from;
  if (cursor.keys.to.empty()) return {};
  const std::string_view start = cursor.behind ? from.substr(0, cursor.keys.to.size()) : from;
  return schema::PrefixEnd(start) == cursor.keys.to ? start : std::string_view();
}

Cursor Shortened(const Cursor& cursor, size_t size) {
  Cursor out = cursor;
  const std::string_view prefix = PrefixOf(cursor);
  if (prefix.size() > size) {
    if (!out.keys.prefix.IsSet()) out.keys.prefix = LongText::Of(prefix);
    out.keys.to = schema::PrefixEnd(prefix.substr(0, size));
  }
  std::string_view from = cursor.keys.from;
  if (cursor.behind) {
    from.remove_suffix(1);
    out.after = LongText::Of(from);
    out.behind = false;
  }
  out.keys.from = from.substr(0, size);
  return out;
}

LongText ReadText(ByteReader* in) {
  LongText out;
  out.size = static_cast<size_t>(in->Varint());
  out.digest = AsText(in->Take(kDigestBytes));
  return out;
}

}  // namespace

LongText LongText::Of(std::string_view text) {
  return {.size = text.size(), .digest = Digest(text)};
}
bool LongText::Is(std::string_view text) const {
  return text.size() == size && Digest(text) == digest;
}
bool LongText::Begins(std::string_view text) const {
  return text.size() >= size && Digest(text.substr(0, size)) == digest;
}

bool KeyRange::IsOfPrefix() const {
  return !to.empty() && schema::PrefixEnd(from) == to;
}

Result<std::string> EncodeCursor(const Cursor& cursor) {
  FIRTH_CHECK(cursor.id.size() == kIdBytes);
  const KeyRange& keys = cursor.keys;
  if (keys.from.size() > kTextBytesMax || keys.to.size() > kTextBytesMax) return TooLong();
  const bool fresh = !cursor.behind && !cursor.after.IsSet();
  if (fresh && keys.to.size() > kEndBytesMax && !keys.IsOfPrefix()) {
    ARROW_ASSIGN_OR_RAISE(const std::string end, Pack(keys.to));
    if (end.size() > kEndBytesMax) return TooLong();
  }
  ARROW_ASSIGN_OR_RAISE(std::string out, Plain(cursor));
  if (out.size() <= kCursorBodyMax) return out;
  // The beginning of a range that is not of one prefix must be known to the last byte.
  if (!cursor.behind && PrefixOf(cursor).empty()) return TooLong();
  for (size_t size = kShortFirst; size > 0; size -= kShortStep) {
    ARROW_ASSIGN_OR_RAISE(out, Plain(Shortened(cursor, size)));
    if (out.size() <= kCursorBodyMax) return out;
  }
  return TooLong();
}

Result<Cursor> DecodeCursor(std::string_view bytes) {
  ByteReader in(AsBytes(bytes));
  Cursor cursor;
  const auto kind = in.Le<uint8_t>();
  const auto flags = in.Le<uint8_t>();
  cursor.id = AsText(in.Take(kIdBytes));
  cursor.from = static_cast<int64_t>(in.Varint());
  cursor.to = static_cast<int64_t>(in.Varint());
  if ((flags & kHasPrefix) != 0) cursor.keys.prefix = ReadText(&in);
  if ((flags & kHasAfter) != 0) cursor.after = ReadText(&in);
  const size_t size = (flags & kPacked) != 0 ? static_cast<size_t>(in.Varint()) : 0;
  if (!in.ok() || kind < 1 || kind > 5 || (flags & ~kAllFlags) != 0) return Bad();
  cursor.kind = static_cast<Cursor::Kind>(kind);
  cursor.behind = (flags & kBehind) != 0;
  std::string keys(AsText(in.rest()));
  if ((flags & kPacked) != 0) {
    ARROW_ASSIGN_OR_RAISE(keys, Unpack(keys, size));
  }
  ByteReader parts(AsBytes(keys));
  const auto from_bytes = static_cast<size_t>(parts.Varint());
  const auto same = static_cast<size_t>(parts.Varint());
  if (!parts.ok() || from_bytes > parts.rest().size() || same > from_bytes) return Bad();
  cursor.keys.from = AsText(parts.Take(from_bytes));
  if ((flags & kHasEnd) != 0) {
    cursor.keys.to = cursor.keys.from.substr(0, same) + std::string(AsText(parts.rest()));
  } else if (!parts.rest().empty()) {
    return Bad();
  }
  if (cursor.keys.to.empty() != ((flags & kHasEnd) == 0)) return Bad();
  if (cursor.behind && !cursor.keys.from.ends_with('\0')) return Bad();
  return cursor;
}

}  // namespace firth::work
