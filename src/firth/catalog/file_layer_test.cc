// SQLite's file layer by itself: what the catalog's own use of it does not reach.
#include <gtest/gtest.h>

#include "firth/catalog/database_file.h"
#include "firth/catalog/wal_file.h"
#include "firth/store/testing_files.h"

namespace firth::catalog {
namespace {

using store::MemoryFileSystem;

Result<int64_t> Number(Connection* sql, const char* query) {
  ARROW_ASSIGN_OR_RAISE(Statement statement, sql->Query(query));
  ARROW_ASSIGN_OR_RAISE(const bool row, statement.Step());
  return row ? statement.Int(0) : -1;
}

TEST(FileLayerTest, TemporaryFilesStayInMemory) {
  MemoryFileSystem files;
  DatabaseFile database = OpenDatabase(&files, "x.db").ValueOrDie();
  ASSERT_OK(database.sql->RunScript(
      "PRAGMA temp_store = FILE; PRAGMA cache_size = 10; PRAGMA temp.cache_size = 10;"
      "CREATE TEMP TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
      " WHERE i < 20000) SELECT i, hex(randomblob(20)) AS r FROM n;"));
  EXPECT_EQ(Number(database.sql.get(), "SELECT count(DISTINCT r) FROM t").ValueOrDie(), 20000);
  EXPECT_EQ(Number(database.sql.get(), "SELECT i FROM t ORDER BY i + 0 LIMIT 1").ValueOrDie(), 1);
  EXPECT_EQ(store::Names(&files, "").ValueOrDie(), "x.db x.db-mark");  // nothing else was written
}

// A transaction larger than the cache spills into the log; a savepoint of it is then undone.
TEST(FileLayerTest, ATransactionLargerThanTheCache) {
  MemoryFileSystem files;
  for (const bool reopened : {false, true}) {
    DatabaseFile database = OpenDatabase(&files, "x.db").ValueOrDie();
    Connection* const sql = database.sql.get();
    if (!reopened) {
      ASSERT_OK(sql->RunScript(
          "PRAGMA cache_size = 10; CREATE TABLE t (i INTEGER PRIMARY KEY, b BLOB);"
          "BEGIN; SAVEPOINT a;"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)"
          " INSERT INTO t SELECT i, randomblob(3000) FROM n; RELEASE a;"
          "SAVEPOINT b; UPDATE t SET b = randomblob(2000); DELETE FROM t WHERE i > 300;"
          "ROLLBACK TO b; RELEASE b; UPDATE t SET b = zeroblob(10) WHERE i = 7; COMMIT;"));
    }
    EXPECT_EQ(Number(sql, "SELECT count(*) FROM t").ValueOrDie(), 600);
    EXPECT_EQ(Number(sql, "SELECT sum(length(b)) FROM t").ValueOrDie(), 599 * 3000 + 10);
    ASSERT_OK(sql->RunScript("PRAGMA integrity_check"));
    EXPECT_EQ(Number(sql,
                     "SELECT count(*) FROM pragma_integrity_check WHERE "
                     "integrity_check = 'ok'")
                  .ValueOrDie(),
              1);
  }
}

TEST(FileLayerTest, PagesOfTheLogAreVerifiedWhenRead) {
  MemoryFileSystem files;
  DatabaseFile database = OpenDatabase(&files, "x.db").ValueOrDie();
  Connection* const sql = database.sql.get();
  ASSERT_OK(sql->RunScript("CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(3000));"));
  const uint64_t bytes = files.Open("x.db-wal").ValueOrDie()->Size().ValueOrDie();
  const uint64_t frames = (bytes - kWalHeaderBytes) / kWalFrameBytes;
  ASSERT_GT(frames, 1u);
  for (uint64_t frame = 0; frame < frames; ++frame) {
    const uint64_t begin = FrameBegin(frame) + kWalFrameHeaderBytes;
    ASSERT_OK(files.FlipBits("x.db-wal", begin + 5, 1));
  }
  ASSERT_OK(sql->RunScript("PRAGMA shrink_memory"));  // so that pages are read again
  const Status status = Number(sql, "SELECT length(b) FROM t").status();
  EXPECT_REASON(status, Code::kDataLoss, Reason::kChecksumMismatch);
  EXPECT_NE(MessageOf(status).find("of 'x.db-wal' is damaged"), std::string::npos) << status;
  for (uint64_t frame = 0; frame < frames; ++frame) {  // it was the disk, and is well again
    ASSERT_OK(files.FlipBits("x.db-wal", FrameBegin(frame) + kWalFrameHeaderBytes + 5, 1));
  }
  EXPECT_EQ(Number(sql, "SELECT length(b) FROM t").ValueOrDie(), 3000);
}

TEST(FileLayerTest, APageThatWasSkippedReadsAsZeros) {
  MemoryFileSystem files;
  PageFile file(files.Create("p").ValueOrDie(), 0, {});
  std::vector<std::byte> page(kPageBytes, std::byte{7});
  ASSERT_OK(file.Write(3 * kPageBytes, page));
  EXPECT_EQ(file.bytes(), 4 * kPageBytes);
  for (uint64_t i = 0; i < 4; ++i) {
    std::vector<std::byte> read(kPageBytes);
    ASSERT_OK(file.Read(i * kPageBytes, read));
    EXPECT_EQ(read[100], std::byte{static_cast<unsigned char>(i == 3 ? 7 : 0)});
  }
  std::vector<std::byte> half(kPageBytes / 2);
  EXPECT_REASON(file.Read(0, half), Code::kDataLoss, Reason::kChecksumMismatch);
  EXPECT_REASON(file.Write(0, half), Code::kInternal, Reason::kIo);
}

TEST(FileLayerTest, OpeningWhatIsNotADatabaseIsDataLoss) {
  MemoryFileSystem files;
  ASSERT_OK(store::MakeFile(&files, "x.db", store::Pattern(3 * kPageBytes, 1)));
  EXPECT_EQ(CodeOf(OpenDatabase(&files, "x.db").status()), Code::kDataLoss);
}

TEST(FileLayerTest, TwoDatabasesAtOnce) {
  MemoryFileSystem files;
  DatabaseFile a = OpenDatabase(&files, "a.db").ValueOrDie();
  DatabaseFile b = OpenDatabase(&files, "b.db").ValueOrDie();
  ASSERT_OK(a.sql->RunScript("CREATE TABLE t (i); INSERT INTO t VALUES (1)"));
  ASSERT_OK(b.sql->RunScript("CREATE TABLE t (i); INSERT INTO t VALUES (2)"));
  EXPECT_EQ(Number(a.sql.get(), "SELECT i FROM t").ValueOrDie(), 1);
  EXPECT_EQ(Number(b.sql.get(), "SELECT i FROM t").ValueOrDie(), 2);
}

TEST(FileLayerTest, OnTheOperatingSystemsFiles) {
  const store::TemporaryFolder folder;
  for (const bool reopened : {false, true}) {
    const auto files = store::OpenLocalFileSystem(folder.path()).ValueOrDie();
    DatabaseFile database = OpenDatabase(files.get(), "x.db").ValueOrDie();
    if (!reopened) {
      ASSERT_OK(database.sql->RunScript("CREATE TABLE t (i); INSERT INTO t VALUES (5)"));
    }
    EXPECT_EQ(Number(database.sql.get(), "SELECT i FROM t").ValueOrDie(), 5);
  }
}

}  // namespace
}  // namespace firth::catalog
