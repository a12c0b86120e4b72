// What clients ask before they look for tiered data; there is none.
#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"

namespace firth::doors::fluss {

void ServeSecurityToken(const RequestPtr& request) {
  // Every scanner asks for it when it is made; no file is ever read with it.
  pb::SecurityTokenAnswer out;
  out.set_scheme("file");
  out.set_token("");
  request->Answer(out);
}

void ServeLakeSnapshot(const RequestPtr& request) {
  Unary<pb::LakeSnapshotRequest, pb::Empty>(
      request, [](const Request& asked, const pb::LakeSnapshotRequest& in, pb::Empty*) -> Status {
        const TableNames names{in.table().database(), in.table().table()};
        ARROW_RETURN_NOT_OK(FindTable(asked, names).status());
        return Refusal(Wire::kLakeSnapshotNotFound,
                       "Table '" + names.ToString() + "' has no lake snapshot.");
      });
}

}  // namespace firth::doors::fluss
