// Goal: whatever a table's columns are and however it was written, deleted from, cut, merged,
// collected and restarted, a query gives what plain DuckDB gives over the same rows, now and as of
// any commit. Method: random tables on a folder of the operating system, so that DuckDB reads their
// files by itself; beside them the rows that each commit left, as plain batches in memory. The seed
// of a failure is in its message.
#include <arrow/compute/initialize.h>
#include <arrow/json/from_string.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "firth/query/query_engine.h"
#include "firth/query/table_resolver.h"
#include "firth/store/testing_files.h"
#include "firth/table/lake.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr uint64_t kCases = 500;
constexpr int kSteps = 7;

/// Values of random types, as the JSON that Arrow reads them from.
class Values {
 public:
  explicit Values(SeededRandom* random) : random_(random) {}

  uint64_t Below(uint64_t end) { return random_->Next64() % end; }

  std::shared_ptr<arrow::DataType> Type() {
    const uint64_t kind = Below(kKinds + 3);
    if (kind == kKinds) return arrow::list(Plain(Below(kKinds)));
    if (kind == kKinds + 1) {
      return arrow::struct_(
          {arrow::field("x", Plain(Below(kKinds))), arrow::field("y", Plain(Below(kKinds)))});
    }
    return Plain(std::min(kind, kKinds - 1));
  }
  std::shared_ptr<arrow::DataType> KeyType() {
    switch (Below(4)) {
      case 0:
        return arrow::int16();
      case 1:
        return arrow::utf8();
      case 2:
        return arrow::date32();
      default:
        return arrow::int64();
    }
  }

  std::string Value(const arrow::DataType& type, bool nullable) {
    if (nullable && Below(6) == 0) return "null";
    const auto small = [&] { return static_cast<int64_t>(Below(9)); };
    const auto whole = [&](int64_t least, int64_t most) {
      const uint64_t pick = Below(8);
      return std::to_string(pick == 0 ? least : pick == 1 ? most : small());
    };
    switch (type.id()) {
      case arrow::Type::BOOL:
        return Below(2) == 0 ? "true" : "false";
      case arrow::Type::INT8:
        return whole(-128, 127);
      case arrow::Type::INT16:
        return whole(-32768, 32767);
      case arrow::Type::INT32:
        return whole(INT32_MIN, INT32_MAX);
      case arrow::Type::UINT8:
        return whole(0, 255);
      case arrow::Type::UINT16:
        return whole(0, 65535);
      case arrow::Type::UINT32:
        return whole(0, UINT32_MAX);
      case arrow::Type::INT64:
        return whole(INT64_MIN, INT64_MAX);
      case arrow::Type::UINT64:
        return Below(8) == 0 ? "18446744073709551615" : std::to_string(small());
      case arrow::Type::FLOAT:
      case arrow::Type::DOUBLE:
        return std::to_string(small()) + (Below(2) == 0 ? ".5" : ".25");
      case arrow::Type::STRING:
        return '"' + std::string(Below(4), static_cast<char>('a' + Below(3))) +
               (Below(5) == 0 ? "é\\n'\"" : "\"");
      case arrow::Type::BINARY:
        return '"' + std::string(Below(4), static_cast<char>('a' + Below(3))) + '"';
      case arrow::Type::DECIMAL128:
        return "\"" + std::to_string(small()) + ".25\"";
      case arrow::Type::DATE32:
        return whole(-100, 20000);
      case arrow::Type::TIME64:
        // Compact rows, which keyed tables are made of, hold times of a day in milliseconds.
        return std::to_string(Below(8) == 0 ? 86'399'999'000 : small() * 1000);
      case arrow::Type::TIMESTAMP:
        return whole(-1'000'000'000, 1'700'000'000);
      case arrow::Type::LIST: {
        std::string items;
        for (uint64_t i = Below(4); i > 0; --i) {
          items += (items.empty() ? "" : ",") + Value(*type.field(0)->type(), true);
        }
        return "[" + items + "]";
      }
      default: {
        std::string fields;
        for (const auto& field : type.fields()) {
          fields +=
              (fields.empty() ? "\"" : ",\"") + field->name() + "\":" + Value(*field->type(), true);
        }
        return "{" + fields + "}";
      }
    }
  }

 private:
  static constexpr uint64_t kKinds = 19;

  static std::shared_ptr<arrow::DataType> Plain(uint64_t kind) {
    static const std::vector<std::shared_ptr<arrow::DataType>> types = {
        arrow::boolean(),
        arrow::int8(),
        arrow::int16(),
        arrow::int32(),
        arrow::int64(),
        arrow::uint8(),
        arrow::uint16(),
        arrow::uint32(),
        arrow::uint64(),
        arrow::float32(),
        arrow::float64(),
        arrow::utf8(),
        arrow::binary(),
        arrow::decimal128(9, 2),
        arrow::date32(),
        arrow::time64(arrow::TimeUnit::MICRO),
        arrow::timestamp(arrow::TimeUnit::SECOND),
        arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
        arrow::timestamp(arrow::TimeUnit::NANO)};
    return types.at(kind);
  }

  SeededRandom* const random_;
};

/// Rows in memory, as a query's only table.
class PlainRows : public query::TableResolver {
 public:
  explicit PlainRows(std::shared_ptr<arrow::RecordBatch> rows) : rows_(std::move(rows)) {}
  Result<std::vector<query::ResolvedTable>> Resolve(
      const std::vector<query::NamedTable>& tables) override {
    query::ResolvedTable table{.schema = rows_->schema(),
                               .open = [rows = rows_](const std::vector<std::string>& columns,
                                                      const schema::RowFilter& /*filter*/)
                                   -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
                                 std::vector<int> places;
                                 for (const auto& column : columns)
                                   places.push_back(rows->schema()->GetFieldIndex(column));
                                 ARROW_ASSIGN_OR_RAISE(const auto chosen,
                                                       rows->SelectColumns(places));
                                 return arrow::RecordBatchReader::Make({chosen});
                               }};
    return std::vector<query::ResolvedTable>(tables.size(), table);
  }

 private:
  const std::shared_ptr<arrow::RecordBatch> rows_;
};

class ModelCase {
 public:
  ModelCase(uint64_t seed, std::string folder)
      : random_(seed), values_(&random_), folder_(std::move(folder)) {}

  void Run() {
    Reopen();
    if (db_ == nullptr) return;
    Create();
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) Step();
    if (!testing::Test::HasFailure()) Check();
  }

 private:
  /// A row: the JSON of each column.
  using Row = std::vector<std::string>;

  Status Open() {
    db_.reset();
    executor_.RunUntilIdle();
    executor_.Clear();
    files_.reset();
    ARROW_ASSIGN_OR_RAISE(files_, store::OpenLocalFileSystem(folder_));
    DatabaseOptions options;
    options.files = files_.get();
    options.local_folder = folder_;
    options.clock = &clock_;
    options.random = &random_;
    options.writer = &executor_;
    options.readers = &executor_;
    options.lake_keep_ns = 0;
    options.lake_rows_max = static_cast<int64_t>(1 + values_.Below(40));
    options.wait = [this](const std::function<bool()>& done) {
      while (!done() && executor_.RunOne()) {
      }
    };
    ARROW_ASSIGN_OR_RAISE(db_, Database::Open(std::move(options)));
    return Status::OK();
  }

  void Reopen() {
    const Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
  }

  TablePtr Table() { return *db_->GetTable(caller_, Path{{"d", "t"}}); }

  void Create() {
    EditionSpec edition;
    const uint64_t kind = values_.Below(4);
    arrow::FieldVector fields;
    keys_ = kind < 2 ? 1 + values_.Below(2) : 0;
    for (size_t i = 0; i < keys_; ++i) {
      fields.push_back(arrow::field("k" + std::to_string(i), values_.KeyType(), false));
      edition.key.push_back(fields.back()->name());
    }
    if (keys_ > 0) edition.bucket_count = static_cast<int32_t>(1 + values_.Below(3));
    for (uint64_t i = 1 + values_.Below(4); i > 0; --i) {
      fields.push_back(arrow::field("c" + std::to_string(fields.size()), values_.Type()));
    }
    if (kind == 3) {
      fields.push_back(arrow::field("o", values_.KeyType()));
      edition.order = {"o"};
    }
    schema_ = arrow::schema(fields);
    const auto made =
        db_->CreateTable(caller_, Path{{"d", "t"}}, {.schema = schema_, .edition = edition});
    ASSERT_TRUE(made.ok()) << schema_->ToString() << made.status().ToString();
  }

  std::shared_ptr<arrow::RecordBatch> Batch(const std::vector<Row>& rows, size_t columns) {
    std::string json;
    for (const Row& row : rows) {
      json += json.empty() ? "{" : ",{";
      for (size_t i = 0; i < columns; ++i) {
        json +=
            (i == 0 ? "\"" : ",\"") + schema_->field(static_cast<int>(i))->name() + "\":" + row[i];
      }
      json += "}";
    }
    const arrow::FieldVector fields(schema_->fields().begin(),
                                    schema_->fields().begin() + static_cast<int64_t>(columns));
    const auto array = arrow::json::ArrayFromJSONString(arrow::struct_(fields), "[" + json + "]");
    EXPECT_TRUE(array.ok()) << json << array.status().ToString();
    return *arrow::RecordBatch::FromStructArray(*array);
  }

  std::vector<Row> NewRows() {
    std::vector<Row> rows(1 + values_.Below(12));
    for (Row& row : rows) {
      for (const auto& field : schema_->fields()) {
        row.push_back(values_.Value(*field->type(), field->nullable()));
      }
    }
    return rows;
  }
  Row KeyOf(const Row& row) const {
    return {row.begin(), row.begin() + static_cast<int64_t>(keys_)};
  }

  void Step() {
    clock_.Advance(1'000'000);
    const auto all = static_cast<size_t>(schema_->num_fields());
    const uint64_t pick = values_.Below(16);
    if (pick < 2) {
      Reopen();
    } else if (pick < 3) {
      Check();
    } else if (pick < 7) {
      const auto cut = db_->lake()->Cut(caller_, Table());
      EXPECT_TRUE(cut.ok()) << cut.status().ToString();
    } else if (keys_ == 0) {
      const auto rows = NewRows();
      Note(db_->AppendRows(caller_, Table(), {Batch(rows, all)}, {}));
      rows_.insert(rows_.end(), rows.begin(), rows.end());
    } else if (pick < 10) {
      const auto rows = NewRows();
      Note(db_->DeleteRows(caller_, Table(), {Batch(rows, keys_)}));
      for (const Row& row : rows) keyed_.erase(KeyOf(row));
    } else {
      const auto rows = NewRows();
      Note(db_->UpsertRows(caller_, Table(), {Batch(rows, all)}));
      for (const Row& row : rows) keyed_[KeyOf(row)] = row;
    }
    if (made_ != CommitId(0)) states_[made_] = Held();
  }

  void Note(const Result<CommitId>& made) {
    ASSERT_TRUE(made.ok()) << made.status().ToString() << schema_->ToString();
    made_ = *made;
  }

  std::vector<Row> Held() const {
    if (keys_ == 0) return rows_;
    std::vector<Row> rows;
    for (const auto& [key, row] : keyed_) rows.push_back(row);
    return rows;
  }

  /// The rows of a result as text, in an order of their own.
  static std::string Text(Result<std::unique_ptr<QueryResult>> result) {
    if (!result.ok()) return result.status().ToString();
    std::vector<std::string> rows;
    for (;;) {
      const auto batch = (*result)->Next();
      if (!batch.ok()) return batch.status().ToString();
      if (*batch == nullptr) break;
      EXPECT_TRUE((*batch)->ValidateFull().ok());
      for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
        std::string& row = rows.emplace_back();
        for (const auto& column : (*batch)->columns()) {
          row += (*column->GetScalar(i))->ToString() + " | ";
        }
      }
    }
    std::sort(rows.begin(), rows.end());
    std::string text = (*result)->schema()->ToString() + "\n";
    for (const auto& row : rows) text += row + "\n";
    return text;
  }

  /// The same statement over the table and over plain rows.
  void Compare(const std::string& before, const std::string& after, const std::string& past,
               const std::vector<Row>& rows) {
    const auto all = static_cast<size_t>(schema_->num_fields());
    PlainRows plain(Batch(rows, all));
    const std::string expected = Text(engine_.Run(before + " FROM t " + after, &plain, {}));
    const std::string given =
        Text(db_->Query(caller_, before + " FROM d.t" + past + " " + after, {}));
    EXPECT_EQ(given, expected) << before << past << " " << after;
  }

  /// A constant of this type, among the values that columns have.
  std::string TimeText(const arrow::TimestampType& type) {
    const std::string small = std::to_string(values_.Below(9));
    if (type.unit() == arrow::TimeUnit::NANO) return "make_timestamp_ns(" + small + ")";
    if (type.unit() == arrow::TimeUnit::SECOND) {
      return "CAST(make_timestamp(" + small + "000000) AS TIMESTAMP_S)";
    }
    return "CAST(make_timestamp(" + small + ") AS TIMESTAMP WITH TIME ZONE)";
  }

  std::string Condition() {
    const auto& field = schema_->field(
        static_cast<int>(values_.Below(static_cast<uint64_t>(schema_->num_fields()))));
    const std::string& name = field->name();
    const char* kOrders[] = {" = ", " <> ", " < ", " >= "};
    const std::string order = kOrders[values_.Below(4)];
    if (arrow::is_integer(field->type()->id()) && values_.Below(3) == 0) {
      std::string list;
      for (uint64_t i = values_.Below(7); i > 0; --i) {
        list += values_.Value(*field->type(), false) + ", ";
      }
      return "(" + name + " IN (" + list + "3) OR " + name + " BETWEEN 6 AND 7)";
    }
    if (field->type()->id() == arrow::Type::STRING && values_.Below(3) == 0) {
      return name + " LIKE '" + std::string(values_.Below(3), 'b') + "%'";
    }
    if (field->type()->id() == arrow::Type::TIMESTAMP && values_.Below(2) == 0) {
      return name + order + TimeText(static_cast<const arrow::TimestampType&>(*field->type()));
    }
    if (arrow::is_integer(field->type()->id()) || arrow::is_floating(field->type()->id())) {
      return name + order + values_.Value(*field->type(), false);
    }
    if (field->type()->id() == arrow::Type::STRING) {
      return name + order + "'" + std::string(values_.Below(4), 'b') + "'";
    }
    if (field->type()->id() == arrow::Type::DATE32) {
      return name + order + "DATE '1970-01-0" + std::to_string(1 + values_.Below(9)) + "'";
    }
    return name + (values_.Below(2) == 0 ? " IS NULL" : " IS NOT NULL");
  }

  void Check() {
    const auto rows = Held();
    const std::string column = schema_->fields().back()->name();
    Compare("SELECT *", "", "", rows);
    if (values_.Below(2) == 0) {
      Compare("SELECT count(*), count(" + column + "), min(" + column + "), max(" + column + ")",
              "WHERE " + Condition() + " AND " + Condition(), "", rows);
    } else {
      Compare("SELECT " + column + ", count(*) AS n", "WHERE " + Condition() + " GROUP BY ALL", "",
              rows);
    }
    if (states_.empty()) return;
    auto state = states_.begin();
    std::advance(state, static_cast<int64_t>(values_.Below(states_.size())));
    Compare("SELECT *", "WHERE " + Condition(),
            " AT (VERSION => " + std::to_string(state->first.value) + ")", state->second);
  }

  SeededRandom random_;
  Values values_;
  const std::string folder_;
  ManualClock clock_;
  ManualExecutor executor_{&clock_};
  std::unique_ptr<store::FileSystem> files_;
  access::Caller caller_ = access::Internal();
  query::QueryEngine engine_;
  std::unique_ptr<Database> db_;
  std::shared_ptr<arrow::Schema> schema_;
  size_t keys_ = 0;  // columns
  std::vector<Row> rows_;
  std::map<Row, Row> keyed_;
  CommitId made_{0};
  std::map<CommitId, std::vector<Row>> states_;
};

/// `FIRTH_MODEL_SEED` runs one case.
TEST(QueryModelTest, AgreesWithPlainDuckDb) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  const char* only = std::getenv("FIRTH_MODEL_SEED");
  const uint64_t first = only == nullptr ? 1 : std::stoull(only);
  const store::TemporaryFolder own(testing::TempDir());  // runs side by side have one each
  const std::string folder = own.path() + "/case";
  for (uint64_t seed = first; seed < first + (only == nullptr ? kCases : 1); ++seed) {
    SCOPED_TRACE("FIRTH_MODEL_SEED=" + std::to_string(seed));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    ModelCase(seed, folder).Run();
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace firth::table
