// simdjson, for the files of this room that read JSON. The only place that includes it: its
// namespace gets another name here, as where it is compiled (cmake/FirthDependencies.cmake says
// why).
#pragma once

#define simdjson firth_simdjson
// What may fail says so in its result; taking it unseen does not compile.
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <string>

#include "firth/common/status.h"
#include "firth/format/json_documents.h"
#include "firth/format/value_column.h"

namespace firth::format::json {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

using Object = simdjson::ondemand::object;
using Array = simdjson::ondemand::array;
using Document = simdjson::ondemand::document;
using Type = simdjson::ondemand::json_type;

struct Value {
  simdjson::ondemand::value value;
};

/// How deep a JSON text may be nested.
inline constexpr size_t kDepthMax = 64;

inline Status Bad(simdjson::error_code code) {
  return Error(Code::kInvalidArgument, Reason::kNone,
               std::string("this is not JSON: ") + simdjson::error_message(code));
}

/// Parse `text`, which has kJsonPadding readable bytes behind it.
inline Status Parse(simdjson::ondemand::parser* parser, std::string_view text, Document* document) {
  if (text.size() > parser->capacity()) {
    const size_t room = std::max<size_t>(text.size() * 2, size_t{64} << 10);
    if (const auto code = parser->allocate(room, kDepthMax)) return Bad(code);
  }
  const auto code = parser->iterate(simdjson::padded_string_view(text, text.size() + kJsonPadding))
                        .get(*document);
  return code == simdjson::SUCCESS ? Status::OK() : Bad(code);
}

}  // namespace firth::format::json
