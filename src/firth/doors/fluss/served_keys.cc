#include "firth/doors/fluss/served_keys.h"

#include <arrow/compute/cast.h>

#include <algorithm>
#include <utility>

#include "firth/doors/fluss/types.h"

namespace firth::doors::fluss {

Result<std::shared_ptr<const ServedKeys>> ServedKeys::Make(const catalog::EditionInfo& edition) {
  auto keys = std::make_shared<ServedKeys>();
  arrow::FieldVector served;
  arrow::FieldVector stored;
  bool other = false;
  for (const std::string& name : edition.spec.key) {
    if (std::ranges::find(edition.spec.partition_by, name) != edition.spec.partition_by.end()) {
      continue;
    }
    const auto& type = edition.newest().schema->GetFieldByName(name)->type();
    const auto shown = ServedType(type);
    other |= shown != type;
    served.push_back(arrow::field(name, shown, /*nullable=*/false));
    stored.push_back(arrow::field(name, type, /*nullable=*/false));
    Columns columns{.served = nullptr, .stored = arrow::schema(stored)};
    ARROW_ASSIGN_OR_RAISE(columns.served, schema::RowCodec::Make(arrow::schema(served)));
    keys->columns_.push_back(std::move(columns));
  }
  if (!other) return nullptr;
  return keys;
}

Result<std::optional<std::string>> ServedKeys::Stored(std::string_view key, bool prefix) const {
  // A key is a row without null bits.
  Status fault = Error(Code::kInvalidArgument, Reason::kCorruptBatch, "a key has no columns");
  for (size_t count = prefix ? 1 : columns_.size(); count <= columns_.size(); ++count) {
    const Columns& columns = columns_[count - 1];
    std::string row((count + 7) / 8, '\0');
    row += key;
    const auto decoded = columns.served->Decode({row});
    if (!decoded.ok()) {
      fault = decoded.status();
      continue;
    }
    arrow::ArrayVector values = (*decoded)->columns();
    std::vector<int> all;
    for (size_t c = 0; c < values.size(); ++c) {
      const auto& type = columns.stored->field(static_cast<int>(c))->type();
      auto cast = arrow::compute::Cast(*values[c], type);
      if (!cast.ok()) return std::nullopt;
      values[c] = std::move(*cast);
      all.push_back(static_cast<int>(c));
    }
    std::vector<std::string> keys(1);
    ARROW_RETURN_NOT_OK(schema::AppendCompactKey(
        *arrow::RecordBatch::Make(columns.stored, 1, std::move(values)), all, &keys));
    return std::move(keys.front());
  }
  return fault;
}

}  // namespace firth::doors::fluss
