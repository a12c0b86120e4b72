// What this room's tests share: the folder and the words of the room below.
#pragma once

#include "firth/store/testing_files.h"

namespace firth::keyview {

using store::TemporaryFolder;

}  // namespace firth::keyview
