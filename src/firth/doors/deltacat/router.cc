#include "firth/doors/deltacat/router.h"

#include <algorithm>
#include <array>

#include "firth/doors/deltacat/errors.h"

namespace firth::doors::deltacat {
namespace {

struct Endpoint {
  std::string_view method;
  std::string_view path;  // `*` stands for one name
  Handler handler;
};

constexpr std::array kEndpoints = {
    Endpoint{"GET", "/health", &Service::Health},
    Endpoint{"GET", "/v1/auth/whoami", &Service::Whoami},
    Endpoint{"POST", "/v1/auth/grants", &Service::Grant},
    Endpoint{"DELETE", "/v1/auth/grants", &Service::Revoke},
    Endpoint{"GET", "/v1/auth/grants", &Service::ListGrants},
    Endpoint{"GET", "/v1/catalogs", &Service::ListCatalogs},
    Endpoint{"GET", "/v1/catalogs/*", &Service::DescribeCatalog},
    Endpoint{"GET", "/v1/namespaces", &Service::ListNamespaces},
    Endpoint{"POST", "/v1/namespaces", &Service::CreateNamespace},
    Endpoint{"GET", "/v1/namespaces/*", &Service::GetNamespace},
    Endpoint{"PUT", "/v1/namespaces/*", &Service::AlterNamespace},
    Endpoint{"DELETE", "/v1/namespaces/*", &Service::DropNamespace},
    Endpoint{"GET", "/v1/namespaces/*/exists", &Service::NamespaceExists},
    Endpoint{"GET", "/v1/namespaces/*/tables", &Service::ListTables},
    Endpoint{"POST", "/v1/namespaces/*/tables", &Service::CreateTable},
    Endpoint{"GET", "/v1/namespaces/*/tables/*", &Service::DescribeTable},
    Endpoint{"PUT", "/v1/namespaces/*/tables/*", &Service::AlterTable},
    Endpoint{"DELETE", "/v1/namespaces/*/tables/*", &Service::DropTable},
    Endpoint{"GET", "/v1/namespaces/*/tables/*/exists", &Service::TableExists},
    Endpoint{"GET", "/v1/namespaces/*/tables/*/versions", &Service::ListVersions},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/rename", &Service::RenameTable},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/plan", &Service::Plan},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/write-sessions", &Service::OpenSession},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/commit", &Service::CommitWrite},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/stage", &Service::StageWrite},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/truncate", &Service::TruncateTable},
    Endpoint{"POST", "/v1/namespaces/*/tables/*/rollback", &Service::RollbackTable},
    Endpoint{"POST", "/v1/transactions", &Service::BeginTransaction},
    Endpoint{"GET", "/v1/transactions/*", &Service::GetTransaction},
    Endpoint{"POST", "/v1/transactions/*/heartbeat", &Service::HeartbeatTransaction},
    Endpoint{"POST", "/v1/transactions/*/commit", &Service::CommitTransaction},
    Endpoint{"POST", "/v1/transactions/*/abort", &Service::AbortTransaction},
    Endpoint{"GET", "/v1/write-sessions/*", &Service::GetSession},
    Endpoint{"POST", "/v1/write-sessions/*/heartbeat", &Service::HeartbeatSession},
    Endpoint{"POST", "/v1/write-sessions/*/commit", &Service::CommitSession},
    Endpoint{"POST", "/v1/write-sessions/*/abort", &Service::AbortSession},
};

/// The next segment of a path, which is cut off.
std::string_view TakeSegment(std::string_view* path) {
  if (!path->empty() && path->front() == '/') path->remove_prefix(1);
  const size_t end = std::min(path->find('/'), path->size());
  const std::string_view segment = path->substr(0, end);
  path->remove_prefix(end);
  return segment;
}

/// Does `path` fit? Fills in the names as they were sent.
bool Fits(std::string_view pattern, std::string_view path, std::vector<std::string_view>* names) {
  names->clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = TakeSegment(&pattern);
    const std::string_view sent = TakeSegment(&path);
    if (sent.empty()) return false;
    if (wanted == "*") {
      names->push_back(sent);
    } else if (wanted != sent) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

Result<Routed> Route(std::string_view method, std::string_view path) {
  bool found = false;
  std::vector<std::string_view> names;
  for (const Endpoint& endpoint : kEndpoints) {
    if (!Fits(endpoint.path, path, &names)) continue;
    found = true;
    if (endpoint.method != method) continue;
    Routed routed{.handler = endpoint.handler};
    for (const std::string_view name : names) {
      auto decoded = net::PercentDecode(name);
      if (!decoded.ok()) return Refuse("invalid_request", "the path has a bad escape");
      routed.names.push_back(*std::move(decoded));
    }
    return routed;
  }
  if (found) return Refuse("method_not_allowed", "this path does not take that method");
  return Refuse("not_found", "there is no such call");
}

}  // namespace firth::doors::deltacat
