#include "firth/format/zip_member.h"

#include <zip.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "firth/format/streams.h"

namespace firth::format {
namespace {

constexpr zip_int64_t kMembersMax = 1000;

/// libzip's view of a file of Arrow's.
struct ArchiveInput {
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  int64_t size = 0;
  int64_t position = 0;
  zip_error_t error{};
};

zip_int64_t Fail(ArchiveInput* input, int code) {
  zip_error_set(&input->error, code, 0);
  return -1;
}

zip_int64_t Command(void* state, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  auto* input = static_cast<ArchiveInput*>(state);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      input->position = 0;
      return 0;
    case ZIP_SOURCE_READ: {
      const auto wanted =
          static_cast<int64_t>(std::min<zip_uint64_t>(length, std::numeric_limits<int32_t>::max()));
      const auto count = input->file->ReadAt(input->position, wanted, data);
      if (!count.ok()) return Fail(input, ZIP_ER_READ);
      input->position += *count;
      return *count;
    }
    case ZIP_SOURCE_SEEK: {
      const zip_int64_t to = zip_source_seek_compute_offset(
          static_cast<zip_uint64_t>(input->position), static_cast<zip_uint64_t>(input->size), data,
          length, &input->error);
      if (to < 0) return -1;
      input->position = to;
      return 0;
    }
    case ZIP_SOURCE_TELL:
      return input->position;
    case ZIP_SOURCE_STAT: {
      if (length < sizeof(zip_stat_t)) return Fail(input, ZIP_ER_INVAL);
      auto* stat = static_cast<zip_stat_t*>(data);
      zip_stat_init(stat);
      stat->size = static_cast<zip_uint64_t>(input->size);
      stat->valid = ZIP_STAT_SIZE;
      return sizeof(zip_stat_t);
    }
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&input->error, data, length);
    case ZIP_SOURCE_CLOSE:
      return 0;
    case ZIP_SOURCE_FREE: {
      // libzip owns it from the moment that the source is made.
      const std::unique_ptr<ArchiveInput> owned(input);
      zip_error_fini(&owned->error);
      return 0;
    }
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(
          ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
          ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
      return Fail(input, ZIP_ER_OPNOTSUPP);
  }
}

Status BadZip(const std::string& name, const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kNone, name + ": " + what);
}

struct ArchiveClose {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct MemberClose {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};
using Archive = std::unique_ptr<zip_t, ArchiveClose>;
using Member = std::unique_ptr<zip_file_t, MemberClose>;

class MemberStream : public ForwardStream {
 public:
  MemberStream(std::string name, Archive archive, Member member)
      : name_(std::move(name)), archive_(std::move(archive)), member_(std::move(member)) {}

 protected:
  Result<int64_t> ReadSome(int64_t bytes, void* out) override {
    int64_t sum = 0;
    while (sum < bytes) {
      const zip_int64_t count = zip_fread(member_.get(), static_cast<uint8_t*>(out) + sum,
                                          static_cast<zip_uint64_t>(bytes - sum));
      if (count < 0) {
        return BadZip(name_, std::string("the archive is damaged: ") +
                                 zip_error_strerror(zip_file_get_error(member_.get())));
      }
      if (count == 0) break;
      sum += count;
    }
    return sum;
  }

 private:
  const std::string name_;
  const Archive archive_;  // closed after the member
  const Member member_;
};

bool IsNoise(std::string_view member) {
  return member.empty() || member.ends_with('/') || member.starts_with("__MACOSX/");
}

}  // namespace

Result<ZipMember> OpenZipMember(std::shared_ptr<arrow::io::RandomAccessFile> file,
                                const std::string& name) {
  auto input = std::make_unique<ArchiveInput>();
  ARROW_ASSIGN_OR_RAISE(input->size, file->GetSize());
  input->file = std::move(file);
  zip_error_init(&input->error);
  zip_error_t error;
  zip_error_init(&error);
  const auto message = [&] {
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
  };
  zip_source_t* source = zip_source_function_create(Command, input.get(), &error);
  if (source == nullptr) return BadZip(name, "the archive cannot be opened: " + message());
  input.release();
  Archive archive(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (archive == nullptr) {
    zip_source_free(source);
    return BadZip(name, "the archive cannot be opened: " + message());
  }
  zip_error_fini(&error);

  const zip_int64_t members = zip_get_num_entries(archive.get(), 0);
  if (members > kMembersMax) return BadZip(name, "the archive has too many members");
  zip_int64_t found = -1;
  for (zip_int64_t i = 0; i < members; ++i) {
    const char* member = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    if (member == nullptr || IsNoise(member)) continue;
    if (found >= 0) return BadZip(name, "the archive holds several files; it must hold one");
    found = i;
  }
  if (found < 0) return BadZip(name, "the archive holds no file");

  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(found), 0, &stat) != 0) {
    return BadZip(name, std::string("the archive is damaged: ") + zip_strerror(archive.get()));
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    return BadZip(name, "the archive is encrypted");
  }
  Member member(zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(found), 0));
  if (member == nullptr) {
    return BadZip(name, std::string("the archive cannot be read: ") + zip_strerror(archive.get()));
  }
  ZipMember opened{.name = stat.name, .stream = nullptr, .progress = nullptr};
  const auto stream = std::make_shared<MemberStream>(name, std::move(archive), std::move(member));
  const auto size = static_cast<double>(std::max<zip_uint64_t>(stat.size, 1));
  opened.progress = [stream, size] {
    return std::min(1.0, static_cast<double>(stream->position()) / size);
  };
  opened.stream = stream;
  return opened;
}

}  // namespace firth::format
