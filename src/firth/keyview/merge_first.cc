#include "firth/keyview/merge_rule.h"

namespace firth::keyview {
namespace {

class FirstWrite final : public RowRule {
 public:
  Result<Verdict> Next(std::string_view, std::string_view) const override {
    return Verdict::Lost();
  }
};

}  // namespace

RowRulePtr MakeFirst() {
  return std::make_unique<FirstWrite>();
}

}  // namespace firth::keyview
