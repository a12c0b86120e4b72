#include "firth/keyview/merge_rule.h"

namespace firth::keyview {
namespace {

class LastWrite final : public RowRule {
 public:
  Result<Verdict> Next(std::string_view, std::string_view row) const override {
    return Verdict::Row(std::string(row));
  }
  bool TakesAll() const override { return true; }
};

}  // namespace

RowRulePtr MakeLastWrite() {
  return std::make_unique<LastWrite>();
}

}  // namespace firth::keyview
