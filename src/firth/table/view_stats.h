// How a view of a table stands.
#pragma once

#include <cstdint>

#include "firth/common/ids.h"

namespace firth::table {

struct ViewStats {
  int64_t rows = 0;
  bool rows_exact = true;  // else an estimate: there are many
  uint64_t bytes = 0;
  CommitId watermark{0};   // everything up to this commit is in it
  CommitId base{0};        // everything up to this commit is in its durable base
  uint64_t lag_bytes = 0;  // written, and not yet in it
};

}  // namespace firth::table
