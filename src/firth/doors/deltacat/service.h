// What the calls of this door do. Every handler runs on the blocking executor and may wait.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/deltacat/call.h"
#include "firth/doors/deltacat/session.h"
#include "firth/doors/deltacat/types.h"
#include "firth/net/http_server.h"
#include "firth/table/database.h"
#include "firth/table/deltas.h"
#include "firth/table/files.h"
#include "firth/table/steps.h"

namespace firth::doors::deltacat {

/// A transaction as a call names it.
struct TransactionRef {
  std::string id;
  int64_t version = -1;
};

class Service {
 public:
  /// `root` is where clients of the same machine find the store's folder. Files that lie in one of
  /// `folders` (or are one) may be taken where they are.
  Service(table::Database* database, std::string root, std::vector<std::string> folders)
      : database_(database), root_(std::move(root)), folders_(std::move(folders)) {}

  /// Answer one request, whatever it is.
  net::HttpResponse Serve(const net::HttpRequest& request);

  /// Forget sessions and operations that ended long ago.
  Status ForgetOldRecords();

  // --- Handlers, one an endpoint (router.cc has the table).
  Result<Answer> Health(const Call& call);
  Result<Answer> Whoami(const Call& call);
  Result<Answer> Grant(const Call& call);
  Result<Answer> Revoke(const Call& call);
  Result<Answer> ListGrants(const Call& call);
  Result<Answer> ListCatalogs(const Call& call);
  Result<Answer> DescribeCatalog(const Call& call);
  Result<Answer> ListNamespaces(const Call& call);
  Result<Answer> CreateNamespace(const Call& call);
  Result<Answer> GetNamespace(const Call& call);
  Result<Answer> AlterNamespace(const Call& call);
  Result<Answer> DropNamespace(const Call& call);
  Result<Answer> NamespaceExists(const Call& call);
  Result<Answer> ListTables(const Call& call);
  Result<Answer> CreateTable(const Call& call);
  Result<Answer> DescribeTable(const Call& call);
  Result<Answer> AlterTable(const Call& call);
  Result<Answer> DropTable(const Call& call);
  Result<Answer> RenameTable(const Call& call);
  Result<Answer> TableExists(const Call& call);
  Result<Answer> ListVersions(const Call& call);
  Result<Answer> OpenSession(const Call& call);
  Result<Answer> GetSession(const Call& call);
  Result<Answer> HeartbeatSession(const Call& call);
  Result<Answer> CommitSession(const Call& call);
  Result<Answer> AbortSession(const Call& call);
  Result<Answer> CommitWrite(const Call& call);
  Result<Answer> TruncateTable(const Call& call);
  Result<Answer> RollbackTable(const Call& call);
  Result<Answer> StageWrite(const Call& call);
  Result<Answer> Plan(const Call& call);
  Result<Answer> BeginTransaction(const Call& call);
  Result<Answer> GetTransaction(const Call& call);
  Result<Answer> HeartbeatTransaction(const Call& call);
  Result<Answer> CommitTransaction(const Call& call);
  Result<Answer> AbortTransaction(const Call& call);

 private:
  Result<access::Caller> SignIn(const net::HttpRequest& request);
  /// Does the call name the one catalog, if it names any? Error catalog_not_found.
  static Status CheckCatalog(const Call& call);
  /// What the call is to see: now, or what its transaction does.
  Result<table::Overlay> ViewOf(const Call& call);
  /// The same for a plan of the table `path`, which can also be of an earlier time.
  Result<table::Overlay> PlanViewOf(const Call& call, const Path& path);
  Result<std::vector<table::Delta>> DeltasOf(const Call& call, const table::OverlaidTable& table,
                                             CommitId at, bool only_parquet);
  Result<json> FileJson(const table::DeltaFile& file, const arrow::Schema& schema, bool statistics);
  Status CheckRead(const Call& call, const Path& path);
  Status CheckWrite(const Call& call, const Path& path);
  /// The table with the version that the call asks for in the place of its current one; null: it is
  /// the current one. Error table_version_not_found.
  Result<std::unique_ptr<table::OverlaidTable>> OtherVersion(const Call& call,
                                                             const table::OverlaidTable& table,
                                                             CommitId at);
  Result<const table::OverlaidTable*> NeedTable(const Call& call, table::Overlay* view,
                                                const Path& path);
  /// Make a change, in the call's transaction if it names one; `answer` is given again to a repeat.
  Result<Answer> Change(const Call& call, const std::vector<table::Step>& steps, Answer answer);
  /// The first answer to the call's operation, if it was made before.
  Result<std::optional<Answer>> FirstAnswer(const Call& call);
  static Result<std::optional<std::string>> OperationOf(const Call& call);
  /// The changes that let a repeat of the call find its answer.
  Result<std::vector<catalog::ValueChange>> RememberAnswer(const Call& call, const Answer& answer);
  /// The transaction that the call names, if any.
  static Result<std::optional<TransactionRef>> TransactionOf(const Call& call);
  Status AddToTransaction(const Call& call, const TransactionRef& transaction,
                          const std::vector<table::Step>& steps,
                          const std::vector<catalog::ValueChange>& values);
  /// What became of a session whose files a transaction has.
  Result<std::string> AttachedState(const Call& call, const std::string& transaction);
  static std::string OperationName(const std::string& id);
  Result<Session> LoadSession(const std::string& id);
  /// The session that the call names, if the caller may write to its table.
  Result<Session> NeedSession(const Call& call);
  Status EndSession(Session* session, const std::string& status);
  /// A step that replaces what the table holds, completed.
  Status CompleteReplacement(const table::OverlaidTable& table, table::Step* step);
  static Status CheckOpen(const Call& call, const Session& session);
  Result<Answer> SessionAnswer(const Call& call, const Session& session);
  /// What a session's client sees: its transaction's view, or what is there now.
  Result<table::Overlay> SessionViewOf(const Call& call, const Session& session);
  std::string Absolute(const std::string& in_store) const { return root_ + "/" + in_store; }

  table::Database* const database_;
  const std::string root_;
  const std::vector<std::string> folders_;
  SchemaTextCache schemas_;
};

}  // namespace firth::doors::deltacat
