#include "firth/doors/fluss/apis.h"

#include <algorithm>
#include <array>
#include <functional>

namespace firth::doors::fluss {
namespace {

constexpr bool kFirst = true;  // served before the client has signed in
constexpr bool kLarge = true;

// What only servers ask each other, and what no client of ours calls, is not here: it is answered
// as an unsupported version, and ApiVersions does not name it.
constexpr std::array kApis = {
    Api{1000, "ApiVersions", 0, 0, Runs::kAtOnce, kFirst, false, &ServeApiVersions},
    Api{1001, "CreateDatabase", 0, 0, Runs::kBlocking, false, false, &ServeCreateDatabase},
    Api{1002, "DropDatabase", 0, 0, Runs::kBlocking, false, false, &ServeDropDatabase},
    Api{1003, "ListDatabases", 0, 0, Runs::kBlocking, false, false, &ServeListDatabases},
    Api{1004, "DatabaseExists", 0, 0, Runs::kBlocking, false, false, &ServeDatabaseExists},
    Api{1005, "CreateTable", 0, 0, Runs::kBlocking, false, false, &ServeCreateTable},
    Api{1006, "DropTable", 0, 0, Runs::kBlocking, false, false, &ServeDropTable},
    Api{1007, "GetTableInfo", 0, 0, Runs::kBlocking, false, false, &ServeGetTableInfo},
    Api{1008, "ListTables", 0, 0, Runs::kBlocking, false, false, &ServeListTables},
    Api{1009, "ListPartitionInfos", 0, 0, Runs::kBlocking, false, false, &ServeListPartitions},
    Api{1010, "TableExists", 0, 0, Runs::kBlocking, false, false, &ServeTableExists},
    Api{1011, "GetTableSchema", 0, 0, Runs::kBlocking, false, false, &ServeGetTableSchema},
    Api{1012, "Metadata", 0, 0, Runs::kBlocking, false, false, &ServeMetadata},
    Api{1014, "ProduceLog", 0, 0, Runs::kInOrder, false, kLarge, &ServeProduceLog,
        &ServeProduceLogAtOnce},
    Api{1015, "FetchLog", 0, 0, Runs::kBlocking, false, false, &ServeFetchLog},
    Api{1016, "PutKv", 0, 1, Runs::kInOrder, false, kLarge, &ServePutKv, &ServePutKvAtOnce},
    Api{1017, "Lookup", 0, 1, Runs::kAtOnce, false, kLarge, &ServeLookup},
    Api{1021, "ListOffsets", 0, 0, Runs::kBlocking, false, false, &ServeListOffsets},
    Api{1023, "GetLatestKvSnapshots", 0, 0, Runs::kBlocking, false, false, &ServeLatestKvSnapshots},
    Api{1024, "GetKvSnapshotMetadata", 0, 0, Runs::kBlocking, false, false, &ServeKvSnapshot},
    Api{1025, "GetFileSystemSecurityToken", 0, 0, Runs::kAtOnce, false, false, &ServeSecurityToken},
    Api{1026, "InitWriter", 0, 0, Runs::kBlocking, false, false, &ServeInitWriter},
    Api{1032, "GetLakeSnapshot", 0, 0, Runs::kBlocking, false, false, &ServeLakeSnapshot},
    Api{1033, "LimitScan", 0, 0, Runs::kBlocking, false, false, &ServeLimitScan},
    Api{1034, "PrefixLookup", 0, 1, Runs::kBlocking, false, kLarge, &ServePrefixLookup},
    Api{1035, "GetDatabaseInfo", 0, 0, Runs::kBlocking, false, false, &ServeGetDatabaseInfo},
    Api{1036, "CreatePartition", 0, 0, Runs::kBlocking, false, false, &ServeCreatePartition},
    Api{1037, "DropPartition", 0, 0, Runs::kBlocking, false, false, &ServeDropPartition},
    Api{1038, "Authenticate", 0, 0, Runs::kBlocking, kFirst, false, &ServeAuthenticate},
    Api{1044, "AlterTable", 0, 0, Runs::kBlocking, false, false, &ServeAlterTable},
    Api{1061, "ScanKv", 0, 0, Runs::kBlocking, false, false, &ServeScanKv},
};
static_assert(std::ranges::is_sorted(kApis, std::less<>(), &Api::key));

}  // namespace

std::span<const Api> AllApis() {
  return kApis;
}

const Api* FindApi(int16_t key) {
  const auto found = std::ranges::lower_bound(kApis, key, std::less<>(), &Api::key);
  return found == kApis.end() || found->key != key ? nullptr : &*found;
}

}  // namespace firth::doors::fluss
