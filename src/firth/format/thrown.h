// The libraries that read and write files throw; our interfaces do not.
#pragma once

#include <parquet/exception.h>

#include <exception>
#include <new>
#include <utility>

#include "firth/common/status.h"

namespace firth::format {

/// Run `action`, which gives a Status or Result, and give what it throws as an error with `code`.
template <Code code = Code::kInvalidArgument, typename Do>
auto Catch(Do&& action) -> decltype(action()) {
  try {
    return std::forward<Do>(action)();
  } catch (const parquet::ParquetStatusException& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return Error(code, Reason::kNone, error.what());
  }
}

}  // namespace firth::format
