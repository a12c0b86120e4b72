// What users ask about themselves: usage, secrets, and the tickets by which a command line signs
// in.
#include "firth/common/text.h"
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/time_text.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kBucketsMax = 175;
constexpr int64_t kTicketLifeNs = int64_t{600} * 1'000'000'000;
constexpr size_t kRequesterMin = 3;
constexpr size_t kRequesterMax = 100;

Json ShowUse(const std::string& entity, const std::string& period, int64_t at,
             const access::Use& use) {
  return {{"__typename", "Usage"},
          {"entityID", entity},
          {"period", period},
          {"label", period},
          {"time", FormatTimeNs(at)},
          {"readOps", use.read_ops},
          {"readBytes", use.read_bytes},
          {"readRecords", use.read_records},
          {"writeOps", use.write_ops},
          {"writeBytes", use.write_bytes},
          {"writeRecords", use.write_records},
          {"scanOps", use.scan_ops},
          {"scanBytes", use.scan_bytes}};
}

Json ShowTicket(const std::string& id, const Json& record) {
  return {{"__typename", "AuthTicket"},
          {"authTicketID", id},
          {"requesterName", record["requester"]},
          {"createdOn", TimeOf(record, "created")},
          {"updatedOn", TimeOf(record, "updated")}};
}

}  // namespace

Result<Json> Control::Ping(const Requester&, const Json&) {
  return Json("pong");
}

Result<Json> Control::GetUserUsage(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto user, UserAt(TextOf(args, "userID")));
  if (!who.IsUser() || who.principal() != user.number) {
    ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, user.record["billing"]));
    if (!rights.admin) return NotAllowed("see what this user used");
  }
  const std::string period = TextOf(args, "period");
  if (period != "M" && period != "H") {
    return Invalid("the period '" + period.substr(0, 64) + "' is neither M (months) nor H (hours)");
  }
  const access::Span span = period == "M" ? access::Span::kMonth : access::Span::kHour;
  ARROW_ASSIGN_OR_RAISE(const int64_t from, ParseTimeNs(TextOf(args, "from")));
  int64_t until = facts_->NowNs() + 1;
  if (args.contains("until")) {
    ARROW_ASSIGN_OR_RAISE(until, ParseTimeNs(TextOf(args, "until")));
  }
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        metering_->List(MeterOfPrincipal(user.number), span,
                                        access::Metering::BeginOf(span, from), until));
  const std::string entity = Id(IdKind::kUser, user.number);
  Json out = Json::array();
  for (const auto& [at, use] : rows) {
    if (out.size() == kBucketsMax) break;
    out.push_back(ShowUse(entity, period, at, use));
  }
  return out;
}

Result<Json> Control::CreateAuthTicket(const Requester&, const Json& args) {
  const std::string requester = TextOf(args["input"], "requesterName");
  const size_t characters = CharactersOf(requester);
  if (characters < kRequesterMin || characters > kRequesterMax) {
    return Invalid("the requester's name has 3 to 100 characters");
  }
  std::lock_guard lock(mutex_);
  const int64_t now = facts_->NowNs();
  // Anybody may ask for tickets: old ones go before there are many.
  ARROW_RETURN_NOT_OK(facts_->ForgetOld(kTickets, now - kTicketLifeNs));
  // A ticket is a secret until it is taken up: its number must not be guessed.
  const int64_t number = static_cast<int64_t>(database_->random()->Next64() >> 8);
  const Json record{{"requester", requester}, {"created", now}, {"updated", now}};
  FactChanges changes;
  changes.Put(kTickets, number, record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowTicket(Id(IdKind::kTicket, number), record);
}

Result<Json> Control::AuthTicketById(const Requester&, const Json& args) {
  std::lock_guard lock(mutex_);
  const std::string id = TextOf(args, "authTicketID");
  ARROW_ASSIGN_OR_RAISE(const int64_t number,
                        facts_->ids().ReadText(IdKind::kTicket, id, "Auth ticket"));
  ARROW_ASSIGN_OR_RAISE(const Json record, facts_->Get(kTickets, number));
  if (record.is_null() || record["created"].get<int64_t>() + kTicketLifeNs < facts_->NowNs()) {
    return NotFound("Auth ticket");
  }
  Json shown = ShowTicket(Id(IdKind::kTicket, number), record);
  if (!record.contains("approver")) return shown;
  ARROW_ASSIGN_OR_RAISE(const auto principal, PrincipalAt(record["approver"]));
  // The ticket goes first: it must never give two secrets.
  FactChanges changes;
  changes.Remove(kTickets, number);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  ARROW_ASSIGN_OR_RAISE(
      const std::string token,
      database_->access()->IssueSecret(principal.name, record["requester"].get<std::string>()));
  shown["issuedSecret"] = {{"__typename", "NewUserSecret"}, {"token", token}};
  return shown;
}

Result<Json> Control::UpdateAuthTicket(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(
      const int64_t number,
      facts_->ids().ReadText(IdKind::kTicket, TextOf(input, "authTicketID"), "Auth ticket"));
  ARROW_ASSIGN_OR_RAISE(Json record, facts_->Get(kTickets, number));
  if (record.is_null() || record["created"].get<int64_t>() + kTicketLifeNs < facts_->NowNs()) {
    return NotFound("Auth ticket");
  }
  if (!who.IsUser() || who.IsLimited()) return NotAllowed("approve tickets: only users may");
  FactChanges changes;
  if (!Flag(input, "approve")) {
    changes.Remove(kTickets, number);
    ARROW_RETURN_NOT_OK(facts_->Apply(changes));
    return Json();
  }
  record["approver"] = who.principal();
  record["updated"] = facts_->NowNs();
  changes.Put(kTickets, number, record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowTicket(Id(IdKind::kTicket, number), record);
}

Json Control::ShowUserSecret(const catalog::SecretRow& row) {
  const Json time = FormatTimeNs(row.created_ns);
  return {{"__typename", "UserSecret"}, {"userSecretID", Id(IdKind::kSecret, row.id)},
          {"prefix", row.prefix},       {"description", row.description},
          {"createdOn", time},          {"updatedOn", time}};
}

Result<std::string> Control::MakeLimitedPrincipal(const Requester& who, bool read_only,
                                                  bool public_only) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number, facts_->NewNumber());
  access::NewPrincipal principal;
  principal.name = "beneath secret " + std::to_string(number);
  principal.kind = kLimitedSecretKind;
  ARROW_ASSIGN_OR_RAISE(const PrincipalId id, database_->access()->PutPrincipal(principal));
  // The limits are there before there is a secret that they hold for.
  FactChanges changes;
  changes.Put(kLimits, id.value,
              {{"user", who.principal()},
               {"name", who.caller.name},
               {"read_only", read_only},
               {"public_only", public_only}});
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return principal.name;
}

Result<Json> Control::IssueUserSecret(const Requester& who, const Json& args) {
  if (!who.IsUser() || who.IsLimited()) {
    return NotAllowed("issue personal secrets: only users may, with a secret without limits");
  }
  const bool read_only = Flag(args, "readOnly");
  const bool public_only = Flag(args, "publicOnly");
  std::lock_guard lock(mutex_);
  std::string principal = who.caller.name;
  if (read_only || public_only) {
    ARROW_ASSIGN_OR_RAISE(principal, MakeLimitedPrincipal(who, read_only, public_only));
  }
  ARROW_ASSIGN_OR_RAISE(const std::string token,
                        database_->access()->IssueSecret(principal, TextOf(args, "description")));
  ARROW_ASSIGN_OR_RAISE(const auto secrets, database_->access()->ListSecrets(principal));
  return Json{{"__typename", "NewUserSecret"},
              {"token", token},
              {"secret", ShowUserSecret(secrets.back())}};  // the newest
}

Result<Json> Control::RevokeUserSecret(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const int64_t id, facts_->ids().ReadText(
                                              IdKind::kSecret, TextOf(args, "secretID"), "Secret"));
  if (!who.IsUser() || who.IsLimited()) {
    return NotAllowed("revoke personal secrets: only users may, with a secret without limits");
  }
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  for (const auto& principal : principals) {
    const bool limited = principal.kind == kLimitedSecretKind;
    if (limited) {
      ARROW_ASSIGN_OR_RAISE(const Json limits, facts_->Get(kLimits, principal.id.value));
      if (limits.is_null() || limits["user"] != who.principal()) continue;
    } else if (principal.id != who.caller.principal) {
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto secrets, database_->access()->ListSecrets(principal.name));
    for (const auto& row : secrets) {
      if (row.id != id) continue;
      ARROW_RETURN_NOT_OK(database_->access()->RevokeSecret(id));
      if (!limited) return Json(true);
      ARROW_RETURN_NOT_OK(database_->access()->RemovePrincipal(principal.name));
      FactChanges changes;
      changes.Remove(kLimits, principal.id.value);
      ARROW_RETURN_NOT_OK(facts_->Apply(changes));
      return Json(true);
    }
  }
  return NotFound("Secret");
}

}  // namespace firth::doors::beneath
