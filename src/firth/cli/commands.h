// The groups of commands, and what each of them is given.
#pragma once

#include <functional>
#include <string>

#include "firth/common/status.h"

namespace CLI {
class App;
}  // namespace CLI

namespace firth::cli {

/// What may stand beside every command.
struct Common {
  std::string server;  // host:port; empty: the one that holds `data`
  std::string secret;
  std::string data = "data";
  bool json = false;
};

/// The command line while it is parsed. A group adds its commands to `app`; the one that was named
/// sets `run`, which is called when everything was parsed.
struct CommandLine {
  CLI::App* app = nullptr;
  Common common;
  std::function<Status()> run;
};

void AddServe(CommandLine* line);       // serve
void AddTables(CommandLine* line);      // tables, describe, drop, rename
void AddCreate(CommandLine* line);      // create, alter
void AddPartitions(CommandLine* line);  // partitions, namespaces
void AddLoad(CommandLine* line);        // load
void AddExport(CommandLine* line);      // export
void AddRead(CommandLine* line);        // tail, scan, get
void AddChange(CommandLine* line);      // put, delete
void AddLake(CommandLine* line);        // lake
void AddSql(CommandLine* line);         // sql
void AddUsers(CommandLine* line);       // user
void AddGrants(CommandLine* line);      // grant, revoke, grants
void AddBackup(CommandLine* line);      // backup, restore, check
void AddVersion(CommandLine* line);     // version

/// The version of this program, as text.
const char* VersionText();

}  // namespace firth::cli
