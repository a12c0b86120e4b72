// Parquet's own interface throws; ours does not.
#pragma once

#include <parquet/exception.h>

#include <exception>
#include <new>
#include <utility>

#include "firth/common/status.h"

namespace firth::lakeview {

/// Run `action`, which gives a Status or Result, and give what it throws as kDataLoss.
template <typename Do>
auto Catch(Do&& action) -> decltype(action()) {
  try {
    return std::forward<Do>(action)();
  } catch (const parquet::ParquetStatusException& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return Error(Code::kDataLoss, Reason::kNone, error.what());
  }
}

}  // namespace firth::lakeview
