// Where the key view works.
#pragma once

namespace firth::table {

/// The folder inside a data folder that whoever opens a Database there gives as its
/// `key_view_folder`. It holds working files only.
inline constexpr const char* kKeyViewFolder = "keyview";

}  // namespace firth::table
