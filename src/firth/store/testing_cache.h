// What tests ask of the operating system's cache.
#pragma once

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::store {

/// Can this file be read past the cache? One that lies in memory cannot, whatever it says.
inline bool GoesPastCache(const std::string& path) {
  const int direct = open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
  struct statfs facts{};
  FIRTH_CHECK(statfs(path.c_str(), &facts) == 0);
  if (direct < 0) return false;
  close(direct);
  return facts.f_type != TMPFS_MAGIC;
}

/// How many pages of a file are in the cache.
inline size_t PagesInCache(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  FIRTH_CHECK(fd >= 0);
  const auto bytes = static_cast<size_t>(std::filesystem::file_size(path));
  void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  FIRTH_CHECK(mapped != MAP_FAILED);
  std::vector<unsigned char> pages((bytes + 4095) / 4096);
  FIRTH_CHECK(mincore(mapped, bytes, pages.data()) == 0);
  munmap(mapped, bytes);
  close(fd);
  return static_cast<size_t>(std::ranges::count_if(pages, [](auto page) { return page & 1; }));
}

/// Have the cache forget a file whose bytes are durable.
inline void DropFromCache(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  FIRTH_CHECK(fd >= 0);
  FIRTH_CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
  close(fd);
}

}  // namespace firth::store
