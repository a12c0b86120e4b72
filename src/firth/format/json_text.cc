#include "firth/format/json_text.h"

#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>

#include <algorithm>
#include <string_view>

#include "firth/format/reader.h"

namespace firth::format {

Result<std::shared_ptr<arrow::Array>> ToJsonText(const std::shared_ptr<arrow::Array>& values) {
  const auto schema = arrow::schema({arrow::field("v", values->type())});
  ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(const auto writer, MakeWriter(FileFormat::kJsonLines, sink, schema));
  ARROW_RETURN_NOT_OK(writer->Write(*arrow::RecordBatch::Make(schema, values->length(), {values})));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  std::string_view text(reinterpret_cast<const char*>(buffer->data()),
                        static_cast<size_t>(buffer->size()));
  constexpr std::string_view kFront = "{\"v\":";
  arrow::StringBuilder builder;
  for (int64_t i = 0; i < values->length(); ++i) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (values->IsNull(i) || line.size() <= kFront.size()) {
      ARROW_RETURN_NOT_OK(builder.AppendNull());
      continue;
    }
    line.remove_prefix(kFront.size());
    line.remove_suffix(1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    ARROW_RETURN_NOT_OK(builder.Append(line));
  }
  return builder.Finish();
}

}  // namespace firth::format
