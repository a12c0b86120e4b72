#include "firth/format/orc_file.h"

#include <arrow/ipc/reader.h>

#include <algorithm>
#include <utility>

#include "firth/format/conform.h"
#include "firth/format/orc_reader.h"
#include "firth/format/thrown.h"

namespace firth::format {

Result<std::unique_ptr<FileReader>> OpenOrc(Source source, const ReadOptions& options) {
  return Catch([&]() -> Result<std::unique_ptr<FileReader>> {
    ARROW_ASSIGN_OR_RAISE(auto input, source.AsFile());
    ARROW_ASSIGN_OR_RAISE(
        auto rows, StartOrcReader(std::move(input), std::max<int64_t>(1, options.batch_rows)));
    ARROW_ASSIGN_OR_RAISE(auto batches,
                          arrow::ipc::RecordBatchStreamReader::Open(std::move(rows.stream)));
    ConformedInput conformed{.name = source.name,
                             .batch_rows = options.batch_rows,
                             .validate = true,
                             .all_columns = true};
    ARROW_ASSIGN_OR_RAISE(conformed.wanted, Choose(*batches->schema(), options));
    conformed.progress = std::move(rows.progress);
    conformed.batches = std::move(batches);
    return Conform(std::move(conformed));
  });
}

}  // namespace firth::format
