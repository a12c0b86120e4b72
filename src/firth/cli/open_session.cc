#include "firth/cli/open_session.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "firth/cli/local_session.h"
#include "firth/doors/flight/client.h"
#include "firth/store/file_system.h"
#include "firth/store/own_folder.h"

namespace firth::cli {
namespace {

namespace fs = std::filesystem;

/// The text of a small file; "" if it cannot be read.
std::string TextOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<std::unique_ptr<Session>> ConnectToHolder(const Common& common) {
  const fs::path folder = common.data;
  const auto endpoints = nlohmann::json::parse(TextOf(folder / "endpoints.json"), nullptr, false);
  if (!endpoints.is_object() || !endpoints.contains("flight") || !endpoints["flight"].is_string()) {
    return Error(
        Code::kUnavailable, Reason::kFolderInUse,
        "a process holds the folder " + common.data +
            " and offers no flight door; start the server with --flight HOST:PORT, or wait "
            "until it is ready");
  }
  std::string secret = common.secret;
  if (secret.empty()) {
    secret = TextOf(folder / "admin.secret");
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  }
  return doors::flight::Connect(endpoints["flight"].get<std::string>(), secret);
}

Status NoStore(const Common& common) {
  return Error(Code::kNotFound, Reason::kFileMissing,
               "the folder " + common.data +
                   " holds no store; name a server with --server, or a folder with --data");
}

}  // namespace

Result<std::unique_ptr<Session>> OpenSession(const Common& common, bool make) {
  if (!common.server.empty()) return doors::flight::Connect(common.server, common.secret);
  std::error_code ignored;
  if (make) ARROW_RETURN_NOT_OK(store::MakeOwnFolder(common.data));
  if (!fs::is_directory(common.data, ignored)) return NoStore(common);
  // A look inside before the lock is taken: taking it leaves a file in the folder.
  if (!make && !fs::exists(fs::path(common.data) / "journal", ignored)) return NoStore(common);
  auto files = store::OpenLocalFileSystem(common.data);
  if (files.ok()) return OpenLocalSession(*std::move(files), common.data);
  if (ReasonOf(files.status()) == Reason::kFolderInUse) return ConnectToHolder(common);
  return files.status();
}

}  // namespace firth::cli
