// Files of rows in a simulated world.
#pragma once

#include <arrow/io/memory.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firth/format/reader.h"
#include "firth/table/files.h"
#include "firth/table/steps.h"
#include "firth/table/table_testing.h"
#include "firth/table/transactions.h"

namespace firth::table {

/// Rows of PairSchema as the bytes of a file.
inline std::string FileBytesOf(format::FileFormat format,
                               const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  const auto sink = *arrow::io::BufferOutputStream::Create();
  const auto writer = *format::MakeWriter(format, sink, batches.front()->schema());
  for (const auto& batch : batches) EXPECT_TRUE(writer->Write(*batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  return (*sink->Finish())->ToString();
}

/// Put bytes into an upload, as a writer outside of the store does: nothing is synced.
inline FileSource Upload(TableWorld* world, const std::string& upload, const std::string& bytes,
                         const std::string& format = "parquet") {
  EXPECT_TRUE(world->db->file_store()->MakeUpload(upload).ok());
  const std::string path = FileStore::UploadFolder(upload) + "/rows";
  auto file = world->files->Create(path);
  EXPECT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE((*file)->Write(0, {AsBytes(bytes)}).ok());
  return {.where = {.path = path}, .format = format};
}

/// Take a file of PairSchema and say that it is to be added to a table.
inline Result<Step> AddStep(TableWorld* world, const Path& path, const std::string& upload,
                            const FileSource& source, bool ordered = false) {
  ARROW_ASSIGN_OR_RAISE(TakenFile taken, world->db->file_store()->Take(source, PairSchema(), ""));
  Step step{.kind = Step::Kind::kAddFiles, .path = path};
  step.files = {.files = {std::move(taken)}, .ordered = ordered, .uploads = {upload}};
  return step;
}

}  // namespace firth::table
