#include "firth/doors/flight/ticket.h"

#include <algorithm>
#include <utility>

#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

void ReadFrom(Fields* fields, Ticket* ticket) {
  const nlohmann::json& from = fields->Any("from");
  if (from.is_null() || from == "earliest") return;
  if (from == "latest") {
    ticket->from = 0;
    ticket->from_end = true;
  } else if (from.is_number_integer()) {
    const int64_t offset = fields->Number("from", 0);
    ticket->from_end = offset < 0;
    ticket->from = offset < 0 ? -std::max(offset, -INT64_MAX) : offset;
  } else {
    fields->Wrong("from", "an offset, earliest or latest");
  }
}

void ReadKeys(Fields* fields, Ticket* ticket) {
  const nlohmann::json& keys = fields->Any("keys");
  if (!keys.is_null()) {
    ticket->keys.emplace();
    const bool listed =
        keys.is_array() && std::all_of(keys.begin(), keys.end(), [](const nlohmann::json& key) {
          return key.is_array() &&
                 std::all_of(key.begin(), key.end(),
                             [](const nlohmann::json& value) { return value.is_string(); });
        });
    if (listed) {
      *ticket->keys = keys.get<std::vector<std::vector<std::string>>>();
    } else {
      fields->Wrong("keys", "a list of keys, each a list of texts");
    }
  }
  ticket->prefix = fields->Texts("prefix");
  ticket->key_from = fields->Texts("key_from");
  ticket->key_to = fields->Texts("key_to");
  ticket->backwards = fields->Flag("backwards", false);
  const bool any = ticket->keys || !ticket->prefix.empty() || !ticket->key_from.empty() ||
                   !ticket->key_to.empty() || ticket->backwards;
  if (any && !ticket->current) {
    fields->Fail(Error(Code::kInvalidArgument, Reason::kNone,
                       "keys and their order are those of current rows: give `current`, too"));
  }
  if (static_cast<int>(ticket->keys.has_value()) + static_cast<int>(!ticket->prefix.empty()) +
          static_cast<int>(!ticket->key_from.empty() || !ticket->key_to.empty()) >
      1) {
    fields->Fail(Error(Code::kInvalidArgument, Reason::kNone,
                       "give `keys`, or `prefix`, or `key_from` and `key_to`"));
  }
}

}  // namespace

Result<Ticket> ParseTicket(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const nlohmann::json json, ParseJson(text, "the ticket"));
  Ticket ticket;
  Fields fields(json, "the ticket");
  ticket.path = fields.NeedPath("path");
  ticket.columns = fields.Texts("columns");
  if (fields.Has("partition")) ticket.partition = fields.Texts("partition");
  if (fields.Has("bucket")) {
    const int64_t bucket = fields.Number("bucket", 0);
    if (bucket < 0 || bucket > INT32_MAX) fields.Wrong("bucket", "a bucket's number, from 0");
    ticket.bucket = static_cast<int32_t>(bucket);
  }
  ReadFrom(&fields, &ticket);
  if (fields.Has("to")) ticket.to = fields.Number("to", 0);
  if (fields.Has("as_of")) ticket.as_of = CommitId(fields.Number("as_of", 0));
  auto filter = Filter::FromJson(fields.Any("filter"));
  if (filter.ok()) {
    ticket.filter = *std::move(filter);
  } else {
    fields.Fail(filter.status());
  }
  ticket.follow = fields.Flag("follow", false);
  ticket.hidden = fields.Flag("hidden", false);
  ticket.current = fields.Flag("current", false);
  ReadKeys(&fields, &ticket);
  if (fields.Has("limit")) {
    ticket.limit = fields.Number("limit", 0);
    if (*ticket.limit < 0) fields.Wrong("limit", "0 or more");
  }
  if (ticket.follow && (ticket.to || ticket.as_of != catalog::kNow)) {
    fields.Fail(Error(Code::kInvalidArgument, Reason::kNone,
                      "a read that follows has no end: leave out `to` and `as_of`"));
  }
  if (ticket.current && (ticket.from || ticket.to || ticket.follow || ticket.hidden ||
                         ticket.as_of != catalog::kNow)) {
    fields.Fail(Error(Code::kInvalidArgument, Reason::kNone,
                      "current rows have no place in the log: leave out `from`, `to`, `as_of`, "
                      "`follow` and `hidden`"));
  }
  ARROW_RETURN_NOT_OK(fields.Check());
  return ticket;
}

std::string TicketOf(const Path& path) {
  return nlohmann::json{{"path", path.segments}}.dump();
}

}  // namespace firth::doors::flight
