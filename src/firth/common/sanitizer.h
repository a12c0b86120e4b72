// Whether this program carries a sanitizer, which makes it several times slower and larger.
#pragma once

namespace firth {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kAddressSanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool kAddressSanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool kThreadSanitizer = false;
#endif

inline constexpr bool kSanitizer = kAddressSanitizer || kThreadSanitizer;

/// How much of its work a test does that takes long: as much as it `usually` does, or `less` of
/// the same under a sanitizer, which looks at each step and not at how many there are.
template <typename Amount>
constexpr Amount UnlessSanitized(Amount usually, Amount less) {
  return kSanitizer ? less : usually;
}

}  // namespace firth
