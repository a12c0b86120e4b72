// The control plane: what each field of a request answers. One function a root field; what they
// have in common is the class. Mutations run one at a time; they are durable when they are
// answered.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/access/metering.h"
#include "firth/doors/beneath/graphql_execute.h"
#include "firth/doors/beneath/requester.h"
#include "firth/doors/beneath/table_facts.h"
#include "firth/table/database.h"
#include "firth/table/steps.h"

namespace firth::doors::beneath {

/// A record with its number.
struct Numbered {
  int64_t number = 0;
  Json record;
};

/// Thread-safe. Methods that begin with a lower-case verb's name answer the root field of that
/// name.
class Control {
 public:
  Control(table::Database* database, Facts* facts, Rights* rights, TableFactsCache* tables,
          access::Metering* metering, std::map<std::string, std::string> emails)
      : database_(database),
        facts_(facts),
        rights_(rights),
        tables_(tables),
        metering_(metering),
        emails_(std::move(emails)) {}

  /// Make what each user of the configuration has: an account and an organization of its own.
  Status Start();
  /// The same for one who signs in, if it was not there at the start.
  Status EnsureAccount(const Requester& who);

  /// Answer one request.
  graphql::Answer Run(const Requester& who, std::string_view body);

  // -- accounts, as the data plane asks for them
  /// A user's or service's record; null for others.
  Result<Json> AccountOf(const Requester& who);
  /// The organization that pays for what a requester uses.
  Result<Numbered> BillingOf(const Requester& who, const Json& account);

 private:
  using Root = Result<Json> (Control::*)(const Requester&, const Json&);
  using Link = Result<Json> (Control::*)(const Requester&, const Json&);
  static const std::map<std::string, Root, std::less<>>& Roots();
  static const std::map<std::string, Link, std::less<>>& Links();

  // organizations (control_organizations.cc)
  Result<Json> Me(const Requester& who, const Json& args);
  Result<Json> OrganizationByName(const Requester& who, const Json& args);
  Result<Json> OrganizationMembers(const Requester& who, const Json& args);
  Result<Json> CreateOrganization(const Requester& who, const Json& args);
  Result<Json> UpdateOrganization(const Requester& who, const Json& args);
  Result<Json> UpdateOrganizationQuotas(const Requester& who, const Json& args);
  Result<Json> OrganizationProjects(const Requester& who, const Json& object);
  Result<Json> OrganizationUser(const Requester& who, const Json& object);
  // members (control_members.cc)
  Result<Json> InviteUser(const Requester& who, const Json& args);
  Result<Json> AcceptInvite(const Requester& who, const Json& args);
  Result<Json> UpdateUserQuotas(const Requester& who, const Json& args);
  Result<Json> LeaveBilling(const Requester& who, const Json& args);
  Result<Json> UpdateUserOrganization(const Requester& who, const Json& args);
  Result<Json> UpdateUserProject(const Requester& who, const Json& args);
  // projects (control_projects.cc)
  Result<Json> ProjectByName(const Requester& who, const Json& args);
  Result<Json> ProjectsForUser(const Requester& who, const Json& args);
  Result<Json> ProjectMembers(const Requester& who, const Json& args);
  Result<Json> CreateProject(const Requester& who, const Json& args);
  Result<Json> UpdateProject(const Requester& who, const Json& args);
  Result<Json> DeleteProject(const Requester& who, const Json& args);
  Result<Json> TransferProject(const Requester& who, const Json& args);
  Result<Json> ProjectOrganization(const Requester& who, const Json& object);
  Result<Json> ProjectTables(const Requester& who, const Json& object);
  Result<Json> ProjectServices(const Requester& who, const Json& object);
  // services (control_services.cc)
  Result<Json> ServiceByName(const Requester& who, const Json& args);
  Result<Json> CreateService(const Requester& who, const Json& args);
  Result<Json> UpdateService(const Requester& who, const Json& args);
  Result<Json> UpdateServiceTable(const Requester& who, const Json& args);
  Result<Json> DeleteService(const Requester& who, const Json& args);
  Result<Json> IssueServiceSecret(const Requester& who, const Json& args);
  Result<Json> SecretsForService(const Requester& who, const Json& args);
  Result<Json> RevokeServiceSecret(const Requester& who, const Json& args);
  Result<Json> ServiceProject(const Requester& who, const Json& object);
  // users (control_users.cc)
  Result<Json> Ping(const Requester& who, const Json& args);
  Result<Json> GetUserUsage(const Requester& who, const Json& args);
  Result<Json> CreateAuthTicket(const Requester& who, const Json& args);
  Result<Json> AuthTicketById(const Requester& who, const Json& args);
  Result<Json> UpdateAuthTicket(const Requester& who, const Json& args);
  Result<Json> IssueUserSecret(const Requester& who, const Json& args);
  Result<Json> RevokeUserSecret(const Requester& who, const Json& args);
  // tables (control_tables.cc, control_instances.cc)
  Result<Json> TableById(const Requester& who, const Json& args);
  Result<Json> TableByName(const Requester& who, const Json& args);
  Result<Json> CompileSchema(const Requester& who, const Json& args);
  Result<Json> CreateTable(const Requester& who, const Json& args);
  Result<Json> DeleteTable(const Requester& who, const Json& args);
  Result<Json> TableProject(const Requester& who, const Json& object);
  Result<Json> TablePrimary(const Requester& who, const Json& object);
  Result<Json> InstanceByNames(const Requester& who, const Json& args);
  Result<Json> InstanceByTable(const Requester& who, const Json& args);
  Result<Json> InstancesForTable(const Requester& who, const Json& args);
  Result<Json> CreateInstance(const Requester& who, const Json& args);
  Result<Json> UpdateInstance(const Requester& who, const Json& args);
  Result<Json> DeleteInstance(const Requester& who, const Json& args);
  Result<Json> InstanceTable(const Requester& who, const Json& object);

  // -- what they share (control.cc)
  Result<Numbered> OrganizationAt(std::string_view id);
  Result<Numbered> OrganizationNamed(std::string_view name);
  Result<Numbered> ProjectAt(std::string_view id);
  Result<Numbered> ProjectNamed(std::string_view organization, std::string_view name);
  Result<Numbered> ServiceAt(std::string_view id);
  Result<Numbered> ServiceNamed(const Numbered& project, std::string_view name);
  Result<Numbered> UserAt(std::string_view id);
  Result<catalog::PrincipalRow> PrincipalAt(int64_t number);
  Result<Path> PathOf(const Json& project);
  Result<ProjectRights> RightsOn(const Requester& who, const Json& project, bool* shared = nullptr);
  Result<ProjectRights> RightsIn(const Requester& who, int64_t organization);
  /// The table, whose `current` is its primary instance.
  Result<table::TablePtr> TableAt(std::string_view id);
  Result<table::TablePtr> TableNamed(const Json& args);
  /// The table with this instance in the place of the primary one.
  Result<table::TablePtr> InstanceAt(std::string_view id);

  Result<Json> ShowOrganization(const Requester& who, const Numbered& organization);
  /// Add what only members see.
  Status ShowPrivate(const Numbered& organization, Json* shown);
  Json ShowProject(const Numbered& project);
  Json ShowService(const Numbered& service);
  Json ShowUser(const Numbered& user);
  Json ShowUserSecret(const catalog::SecretRow& row);
  /// A principal that stands for a personal secret with limits; its name.
  Result<std::string> MakeLimitedPrincipal(const Requester& who, bool read_only, bool public_only);
  Json ShowTable(const table::TableInfo& table, const Json& record);
  Json ShowInstance(const table::TableInfo& table, const Json& record,
                    const catalog::EditionInfo& edition);
  Result<Json> ShowTableNow(TableId id);
  Result<Json> RecordOf(const table::TableInfo& table);
  Status SaveRecord(const table::TableInfo& table, const Json& record);
  /// Give projects, with their tables and the rights on them, other paths, and make `changes`, all
  /// in one commit.
  Status MoveProjects(const std::vector<std::pair<Path, Path>>& moves, const FactChanges& changes);
  static void AddMove(const Path& from, const Path& to, const std::vector<table::TablePtr>& tables,
                      std::vector<table::Step>* steps);
  Status MakeAccount(const catalog::PrincipalRow& principal);
  Status KeepEmail(const catalog::PrincipalRow& principal);
  Status CheckLastAdmin(int64_t organization, int64_t leaving);
  Status GiveProject(std::string_view principal, const Path& path, const ProjectRights& rights);

  std::string Id(IdKind kind, int64_t number) const { return facts_->ids().MakeText(kind, number); }

  table::Database* const database_;
  Facts* const facts_;
  Rights* const rights_;
  TableFactsCache* const tables_;
  access::Metering* const metering_;
  const std::map<std::string, std::string>
      emails_;        // by name, of users that the configuration names
  std::mutex mutex_;  // one mutation at a time
  std::mutex known_mutex_;
  std::set<int64_t> known_;  // guarded by known_mutex_: principals with an account
};

// -- small readers of arguments, which were checked against the type system

/// The text of an argument, or "".
std::string TextOf(const Json& args, const char* name);
/// Put an argument, if it is given, into a record.
void Take(const Json& args, const char* argument, Json* record, const char* field);
/// The same for a quota, of which 0 means that there is none.
void TakeQuota(const Json& args, const char* argument, Json* record, const char* field);
/// A name as it is kept: lower-case, with underscores.
std::string PlainName(std::string_view name);
/// A record's time as text; null if it has none.
Json TimeOf(const Json& record, const char* field);
/// A record's field, or null.
Json FieldOf(const Json& record, const char* field);
bool Flag(const Json& record, const char* field);
/// Characters, not bytes, of a text in UTF-8.
size_t CharactersOf(std::string_view text);
/// The use of whom: names for metering.
std::string MeterOfPrincipal(int64_t principal);
std::string MeterOfOrganization(int64_t organization);

}  // namespace firth::doors::beneath
