// Every request that there is: its key, its versions, and who serves it.
#pragma once

#include <cstdint>
#include <span>

#include "firth/doors/fluss/request.h"

namespace firth::doors::fluss {

/// Where a handler runs.
enum class Runs {
  kAtOnce,    // on the network's thread: touches nothing that waits
  kBlocking,  // on the executor for calls that wait, in any order
  kInOrder,   // after the connection's earlier ones of this kind: writes. There too, or at once
};

struct Api {
  int16_t key = 0;
  const char* name = "";
  int16_t version_min = 0;
  int16_t version_max = 0;
  Runs runs = Runs::kBlocking;
  bool before_sign_in = false;
  bool large = false;  // carries rows: may be as long as a frame may be
  void (*serve)(const RequestPtr& request) = nullptr;
  /// Of some in order: serve it on the network's thread if it is small and nothing is to be waited
  /// for. False: nothing was done.
  bool (*serve_at_once)(const RequestPtr& request) = nullptr;
};

/// All of them, by key.
std::span<const Api> AllApis();
/// The one with this key, or null.
const Api* FindApi(int16_t key);

// The handlers, by the file that holds them.
// sign_in.cc
void ServeApiVersions(const RequestPtr& request);
void ServeAuthenticate(const RequestPtr& request);
// databases.cc
void ServeCreateDatabase(const RequestPtr& request);
void ServeDropDatabase(const RequestPtr& request);
void ServeListDatabases(const RequestPtr& request);
void ServeDatabaseExists(const RequestPtr& request);
void ServeGetDatabaseInfo(const RequestPtr& request);
// tables.cc
void ServeCreateTable(const RequestPtr& request);
void ServeDropTable(const RequestPtr& request);
void ServeGetTableInfo(const RequestPtr& request);
void ServeListTables(const RequestPtr& request);
void ServeTableExists(const RequestPtr& request);
void ServeGetTableSchema(const RequestPtr& request);
// alter_table.cc
void ServeAlterTable(const RequestPtr& request);
// partitions.cc
void ServeListPartitions(const RequestPtr& request);
void ServeCreatePartition(const RequestPtr& request);
void ServeDropPartition(const RequestPtr& request);
// metadata.cc
void ServeMetadata(const RequestPtr& request);
// produce.cc
void ServeProduceLog(const RequestPtr& request);
bool ServeProduceLogAtOnce(const RequestPtr& request);
void ServeInitWriter(const RequestPtr& request);
// fetch.cc
void ServeFetchLog(const RequestPtr& request);
// offsets.cc
void ServeListOffsets(const RequestPtr& request);
// limit_scan.cc
void ServeLimitScan(const RequestPtr& request);
// scan_kv.cc
void ServeScanKv(const RequestPtr& request);
void ServeLatestKvSnapshots(const RequestPtr& request);
void ServeKvSnapshot(const RequestPtr& request);
// put.cc
void ServePutKv(const RequestPtr& request);
bool ServePutKvAtOnce(const RequestPtr& request);
// lookup.cc
void ServeLookup(const RequestPtr& request);
void ServePrefixLookup(const RequestPtr& request);
// lake.cc
void ServeSecurityToken(const RequestPtr& request);
void ServeLakeSnapshot(const RequestPtr& request);

}  // namespace firth::doors::fluss
