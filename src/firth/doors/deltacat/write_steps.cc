#include "firth/doors/deltacat/write_steps.h"

#include <algorithm>
#include <array>
#include <utility>

#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/properties.h"
#include "firth/doors/deltacat/versions.h"

namespace firth::doors::deltacat {
namespace {

using table::OverlaidTable;
using table::Step;

Status WrongMode(const std::string& mode, const std::string& why) {
  return Refuse("invalid_write_mode", "mode " + mode + ": " + why);
}

bool HasNames(const std::string& format) {
  return format == "parquet" || format == "feather" || format == "orc" || format == "avro";
}

/// What a file says that is not so is the client's error, whatever the reader calls it.
Status AsData(const Status& status) {
  if (status.ok()) return status;
  switch (ReasonOf(status)) {
    case Reason::kIo:
    case Reason::kDiskFull:
    case Reason::kOverBudget:
    case Reason::kInvalidSchema:
    case Reason::kSchemaMismatch:
    case Reason::kColumnNotFound:
      return status;
    default:
      return Refuse("invalid_data", MessageOf(status));
  }
}

/// Writes one request's steps.
class Writer {
 public:
  Writer(table::Database* database, table::Overlay* view, const OverlaidTable* table,
         const WriteRequest& request)
      : database_(database), view_(view), table_(table), request_(request) {}

  Result<WriteSteps> Run() {
    ARROW_RETURN_NOT_OK(CheckMode(request_.mode, table_, request_.version));
    const bool new_version = table_ != nullptr && request_.mode == "create";
    const bool has_edition = table_ != nullptr && table_->edition.has_value() && !new_version;
    std::shared_ptr<arrow::Schema> schema;
    if (has_edition && request_.mode == "delete") {
      schema = KeysNeeded(table_->edition->newest().schema);
    } else if (has_edition) {
      // Most files bring nothing new: those are opened once, when they are taken.
      ARROW_ASSIGN_OR_RAISE(schema, Evolve(*table_, /*look=*/false));
    } else {
      ARROW_ASSIGN_OR_RAISE(schema, FirstSchema());
    }
    auto taken = TakeAll(schema);
    if (ReasonOf(taken.status()) == Reason::kColumnNotFound && has_edition &&
        request_.mode != "delete") {
      ARROW_ASSIGN_OR_RAISE(schema, Evolve(*table_, /*look=*/true));
      taken = TakeAll(schema);
    }
    ARROW_RETURN_NOT_OK(taken.status());
    if (table_ == nullptr) {
      ARROW_RETURN_NOT_OK(AddCreation(schema));
    } else if (new_version) {
      Step make{.kind = Step::Kind::kMakeEdition, .path = request_.path, .schema = schema};
      ARROW_RETURN_NOT_OK(AddNewVersion(database_->catalog(), *table_, *request_.version, &make));
      out_.steps.push_back(std::move(make));
    } else if (!has_edition) {
      out_.steps.push_back(
          {.kind = Step::Kind::kMakeEdition, .path = request_.path, .schema = schema, .number = 0});
    }
    Step add{.kind = Step::Kind::kAddFiles, .path = request_.path};
    add.files.ordered = request_.mode == "append";
    add.files.remove = request_.mode == "delete";
    add.files.uploads = {request_.upload};
    add.files.files = std::move(*taken);
    const bool keyed = has_edition && !table_->edition->spec.key.empty();
    if (request_.mode == "replace" && keyed) add.kind = Step::Kind::kReplace;
    if (request_.mode == "replace" && has_edition && !keyed) {
      add.kind = Step::Kind::kReplace;
      add.schema = schema;
      ARROW_RETURN_NOT_OK(AddReplacedEdition(database_->catalog(), *table_, &add));
    } else if (has_edition && evolved_) {
      out_.steps.push_back({.kind = Step::Kind::kAlterTable,
                            .path = request_.path,
                            .schema = schema,
                            .number = table_->edition->newest().id.value});
    }
    out_.steps.push_back(std::move(add));
    return std::move(out_);
  }

 private:
  Status AddCreation(const std::shared_ptr<arrow::Schema>& schema) {
    ARROW_ASSIGN_OR_RAISE(const auto space, view_->FindNamespace(request_.path.Parent()));
    if (!space.has_value()) {
      out_.steps.push_back({.kind = Step::Kind::kCreateNamespace, .path = request_.path.Parent()});
    }
    out_.steps.push_back({.kind = Step::Kind::kCreateTable,
                          .path = request_.path,
                          .attributes = catalog::Attributes{{kContentType, request_.format}},
                          .schema = schema});
    return Status::OK();
  }

  /// The schema with only its key required: what a deletion has to name.
  std::shared_ptr<arrow::Schema> KeysNeeded(const std::shared_ptr<arrow::Schema>& schema) const {
    const auto& key = table_->edition->spec.key;
    arrow::FieldVector fields = schema->fields();
    for (auto& field : fields) {
      if (std::find(key.begin(), key.end(), field->name()) == key.end()) {
        field = field->WithNullable(true);
      }
    }
    return arrow::schema(std::move(fields));
  }

  Result<std::shared_ptr<arrow::Schema>> SchemaOf(const Entry& entry) {
    auto schema = database_->file_store()->SchemaOf(entry.source);
    if (schema.ok()) return schema;
    return AsData(schema.status());
  }

  Result<std::shared_ptr<arrow::Schema>> FirstSchema() {
    if (request_.schema != nullptr) return request_.schema;
    if (request_.entries.empty() || !HasNames(request_.format)) {
      return Refuse(
          "schema_required",
          "the table has no schema yet: write Parquet, Feather, ORC or Avro first, or create it "
          "with one");
    }
    ARROW_ASSIGN_OR_RAISE(const auto found, SchemaOf(request_.entries.front()));
    arrow::FieldVector fields;
    for (const auto& field : found->fields()) fields.push_back(field->RemoveMetadata());
    return arrow::schema(std::move(fields));
  }

  Result<std::vector<table::TakenFile>> TakeAll(const std::shared_ptr<arrow::Schema>& schema) {
    std::vector<table::TakenFile> files;
    for (const Entry& entry : request_.entries) {
      ARROW_ASSIGN_OR_RAISE(files.emplace_back(), Take(entry, schema));
    }
    out_.files = static_cast<int64_t>(files.size());
    for (const auto& file : files) {
      out_.rows += file.info.rows;
      out_.bytes += file.info.bytes;
    }
    return files;
  }

  /// The table's schema with what the request says that the files have more; `look`: also with what
  /// they do have.
  Result<std::shared_ptr<arrow::Schema>> Evolve(const OverlaidTable& table, bool look) {
    const auto& schema = table.edition->newest().schema;
    arrow::FieldVector fields = schema->fields();
    const auto add = [&](const std::shared_ptr<arrow::Field>& field) {
      const bool known = std::any_of(fields.begin(), fields.end(), [&](const auto& have) {
        return have->name() == field->name();
      });
      if (known) return;
      const auto told =
          request_.schema == nullptr ? nullptr : request_.schema->GetFieldByName(field->name());
      fields.push_back(arrow::field(field->name(), told == nullptr ? field->type() : told->type(),
                                    /*nullable=*/true));
      evolved_ = true;
    };
    if (HasNames(request_.format)) {
      for (const Entry& entry : request_.entries) {
        if (!look) break;
        ARROW_ASSIGN_OR_RAISE(const auto found, SchemaOf(entry));
        for (const auto& field : found->fields()) add(field);
      }
    } else if (request_.schema != nullptr) {
      for (const auto& field : request_.schema->fields()) add(field);
    }
    if (!evolved_) return schema;
    if (PropertyText(table.attributes, "schema_evolution_mode", "auto") != "auto") {
      return Refuse("invalid_schema", "the column '" + fields.back()->name().substr(0, 64) +
                                          "' is not in the table, whose schema may not evolve");
    }
    return arrow::schema(std::move(fields), schema->metadata());
  }

  Result<table::TakenFile> Take(const Entry& entry, const std::shared_ptr<arrow::Schema>& schema) {
    table::FileSource source = entry.source;
    if (!HasNames(source.format)) source.columns = request_.columns;
    const std::string time_column = table_ != nullptr && table_->edition.has_value()
                                        ? table_->edition->spec.time_column
                                        : std::string();
    auto taken = database_->file_store()->Take(source, schema, time_column);
    if (!taken.ok()) return AsData(taken.status());
    // Of delimited text the client may count one line fewer, as if the first held names.
    const bool counted = HasNames(source.format) || source.format == "json";
    const int64_t fewer = taken->info.rows - entry.record_count;
    if (entry.record_count >= 0 && fewer != 0 && (counted || fewer != 1)) {
      return Refuse("invalid_data", "the file has " + std::to_string(taken->info.rows) +
                                        " rows, but its entry says " +
                                        std::to_string(entry.record_count));
    }
    return taken;
  }

  table::Database* const database_;
  table::Overlay* const view_;
  const OverlaidTable* const table_;
  const WriteRequest& request_;
  WriteSteps out_;
  bool evolved_ = false;
};

}  // namespace

Status CheckMode(const std::string& mode, const OverlaidTable* table,
                 const std::optional<std::string>& version) {
  static constexpr std::array<std::string_view, 8> kModes = {
      "auto", "create", "add", "append", "replace", "replace_partition", "merge", "delete"};
  if (std::find(kModes.begin(), kModes.end(), mode) == kModes.end()) {
    return Refuse("invalid_write_mode", "'" + mode.substr(0, 64) + "' is no write mode");
  }
  if (table == nullptr) {
    if (mode == "auto" || mode == "create") return Status::OK();
    return Error(Code::kNotFound, Reason::kTableNotFound,
                 "mode " + mode + " needs a table that is there");
  }
  if (mode == "create") {
    if (version.has_value() && table->edition.has_value() && !HasVersion(*table, *version)) {
      return Status::OK();
    }
    return Error(Code::kAlreadyExists, Reason::kTableExists,
                 "the table '" + TableNames(table->path).second + "' exists");
  }
  if (mode == "replace_partition") return WrongMode(mode, "the table has no partitions");
  const bool keyed = table->edition.has_value() && !table->edition->spec.key.empty();
  if ((mode == "merge" || mode == "delete") && !keyed) {
    return WrongMode(mode, "the table has no merge keys");
  }
  if ((mode == "add" || mode == "append") && keyed) {
    return WrongMode(mode, "the table has merge keys: use auto or merge");
  }
  return Status::OK();
}

Result<WriteSteps> MakeWriteSteps(table::Database* database, table::Overlay* view,
                                  const OverlaidTable* table, const WriteRequest& request) {
  return Writer(database, view, table, request).Run();
}

}  // namespace firth::doors::deltacat
