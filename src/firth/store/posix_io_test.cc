// Goal: the loops around partial system calls lose and repeat nothing. Method: the cursor is driven
// with arbitrary progress; the fallback of a reservation runs on files with holes.
#include "firth/store/posix_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <optional>

#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

RC_GTEST_PROP(PartCursor, GivesEachByteOnceWhateverTheProgress,
              (const std::vector<std::string>& texts)) {
  std::vector<Bytes> parts;
  std::string expected;
  for (const std::string& text : texts) {
    parts.push_back(AsBytes(text));
    expected += text;
  }
  PartCursor cursor(parts);
  std::string written;
  while (!cursor.done()) {
    std::string group;
    for (const iovec& part : cursor.Group()) {
      RC_ASSERT(part.iov_len > 0u);
      group.append(static_cast<const char*>(part.iov_base), part.iov_len);
    }
    const auto progress = *rc::gen::inRange<size_t>(1, group.size() + 1);
    written += group.substr(0, progress);
    cursor.Advance(progress);
  }
  RC_ASSERT(written == expected);
}

TEST(PartCursor, GivesNoMorePartsThanOneCallTakes) {
  const std::string text(2 * IOV_MAX + 3, 'x');
  std::vector<Bytes> parts;
  for (size_t i = 0; i < text.size(); ++i) parts.push_back(AsBytes(text).subspan(i, 1));
  PartCursor cursor(parts);
  for (const size_t expected : {size_t{IOV_MAX}, size_t{IOV_MAX}, size_t{3}}) {
    ASSERT_EQ(cursor.Group().size(), expected);
    cursor.Advance(expected);
  }
  EXPECT_TRUE(cursor.done());
}

class PosixIo : public testing::Test {
 protected:
  PosixIo() {
    EXPECT_EQ(OpenAt(AT_FDCWD, (folder_.path() + "/a").c_str(), O_RDWR | O_CREAT, &file_), 0);
  }
  int fd() const { return file_.get(); }
  uint64_t AllocatedBytes() const {
    struct stat info;
    EXPECT_EQ(fstat(fd(), &info), 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  }
  std::string Text(size_t bytes) const {
    std::string text(bytes + 1, '?');
    size_t read = 0;
    EXPECT_EQ(ReadAll(fd(), 0, std::as_writable_bytes(std::span(text)), &read), 0);
    text.resize(read);
    return text;
  }

 private:
  TemporaryFolder folder_;
  Descriptor file_;
};

TEST_F(PosixIo, ReadsStopAtTheEnd) {
  ASSERT_EQ(WriteAll(fd(), 0, {AsBytes("abc")}), 0);
  EXPECT_EQ(Text(100), "abc");
}

TEST_F(PosixIo, ErrorsOfTheSystemAreGivenBack) {
  std::byte out[1];
  size_t read = 0;
  uint64_t length = 0;
  Descriptor none;
  EXPECT_EQ(WriteAll(-1, 0, {AsBytes("abc")}), EBADF);
  EXPECT_EQ(ReadAll(-1, 0, out, &read), EBADF);
  EXPECT_EQ(ReserveRoom(-1, 1), EBADF);
  EXPECT_EQ(LengthOf(-1, &length), EBADF);
  EXPECT_EQ(OpenAt(AT_FDCWD, "", O_RDONLY, &none), ENOENT);
  EXPECT_FALSE(none.valid());
  EXPECT_EQ(WriteAll(fd(), uint64_t{1} << 63, {AsBytes("abc")}), EFBIG);
}

TEST_F(PosixIo, ReservingByZerosLengthens) {
  ASSERT_EQ(WriteAll(fd(), 0, {AsBytes("abc")}), 0);
  ASSERT_EQ(ReserveByZeros(fd(), 200'000), 0);
  EXPECT_EQ(Text(200'000), "abc" + std::string(199'997, '\0'));
  EXPECT_GE(AllocatedBytes(), 200'000u);
  ASSERT_EQ(ReserveByZeros(fd(), 10), 0);
  EXPECT_EQ(Text(200'000).size(), 200'000u);
}

TEST_F(PosixIo, ReservingByZerosFillsHolesAndKeepsData) {
  constexpr uint64_t kAt = 1 << 20;
  ASSERT_EQ(WriteAll(fd(), kAt, {AsBytes("abc")}), 0);
  ASSERT_EQ(ftruncate(fd(), 3 * kAt), 0);
  ASSERT_LT(AllocatedBytes(), kAt);
  ASSERT_EQ(ReserveByZeros(fd(), 2 * kAt), 0);
  EXPECT_GE(AllocatedBytes(), 2 * kAt);
  EXPECT_LT(AllocatedBytes(), 3 * kAt);
  std::string expected(3 * kAt, '\0');
  expected.replace(kAt, 3, "abc");
  EXPECT_EQ(Text(3 * kAt), expected);
}

TEST_F(PosixIo, AFailedReservationByZerosLeavesTheLengthAsItWas) {
  ASSERT_EQ(WriteAll(fd(), 0, {AsBytes("abc")}), 0);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limited{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limited);
  const int error = ReserveByZeros(fd(), 200'000);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, EFBIG);
  EXPECT_EQ(Text(100), "abc");
}

TEST(Descriptor, MovesItsOwnership) {
  std::optional<Descriptor> two;
  int fd = -1;
  {
    Descriptor one;
    ASSERT_EQ(OpenAt(AT_FDCWD, "/dev/null", O_RDONLY, &one), 0);
    fd = one.get();
    two.emplace(std::move(one));
  }
  EXPECT_EQ(two->get(), fd);
  EXPECT_NE(fcntl(fd, F_GETFD), -1) << "its former owner has closed it";
  EXPECT_EQ(two->Release(), fd);
  EXPECT_FALSE(two->valid());
  EXPECT_EQ(close(fd), 0);
}

}  // namespace
}  // namespace firth::store
