// What the catalog and the views hold about themselves, as if nothing before had found it damaged:
// definitions, files, manifests, rows of the key view, sequence numbers of writers.
// With: common/* store/* catalog/text_form catalog/files
// With: keyview/base_manifest keyview/key_format lakeview/snapshot lakeview/lake_file lakeview/file_stream
// With: log/writer_window
#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/catalog/files.h"
#include "firth/catalog/text_form.h"
#include "firth/common/bytes.h"
#include "firth/keyview/base_manifest.h"
#include "firth/keyview/key_format.h"
#include "firth/lakeview/snapshot.h"
#include "firth/log/writer_window.h"

using namespace firth;  // NOLINT: a program of one function

namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      if (const auto spec = catalog::DecodeSpec(text); spec.ok()) {
        Require(catalog::DecodeSpec(catalog::EncodeSpec(*spec).ValueOrDie()).ok());
      }
      break;
    case 1:
      static_cast<void>(catalog::DecodeAttributes(text));
      static_cast<void>(catalog::DecodeValues(text));
      break;
    case 2:
      static_cast<void>(catalog::DecodeFile(text));
      break;
    case 3:
      if (const auto manifest = keyview::ParseManifest(text); manifest.ok()) {
        Require(keyview::EncodeManifest(*manifest) == text);
      }
      break;
    case 4:
      if (const auto row = keyview::ParseRow(text); row.ok()) {
        std::string again;
        keyview::AppendRow(*row, &again);
        Require(again == text);
      }
      break;
    case 5:
      static_cast<void>(lakeview::Head::Parse(text));
      break;
    case 6:
      static_cast<void>(lakeview::ParseManifest(text, nullptr, "lake"));
      break;
    default: {
      log::WriterWindow writers;
      if (writers.Decode(AsBytes(text))) {
        log::WriterWindow same;
        Require(same.Decode(AsBytes(writers.Encode(INT64_MIN))));
      }
    }
  }
  return 0;
}
