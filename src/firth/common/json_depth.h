// How deep JSON is nested: asked before hostile text is parsed, because what was parsed is copied,
// written and compared by functions that call themselves once a level.
#pragma once

#include <string_view>

namespace firth {

/// Deeper than this no client of ours writes.
inline constexpr int kJsonDepthMax = 64;

/// How deep objects and lists are nested, without parsing: brackets outside of texts. Any bytes.
int JsonDepth(std::string_view text);

}  // namespace firth
