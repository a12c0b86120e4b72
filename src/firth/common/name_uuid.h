// Ids that follow from names: the same name has the same id everywhere, for ever.
#pragma once

#include <string>
#include <string_view>

namespace firth {

/// The UUID of version 5 (RFC 9562) of `name` in the name space whose UUID has these 16 bytes: 16
/// bytes.
std::string NameUuid(std::string_view name_space, std::string_view name);

}  // namespace firth
