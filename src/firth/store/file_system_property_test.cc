// Goal: the twins give the same answers, and those of a naive model. Method: random operations on
// both, comparing every status text, listing and byte.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

struct Twins {
  TemporaryFolder folder;
  std::unique_ptr<FileSystem> local = OpenLocalFileSystem(folder.path()).ValueOrDie();
  MemoryFileSystem memory;
};

std::string AnyPath() {
  static const std::vector<std::string> kPaths = {"a",   "b",     "f",     "f/a",    "f/b",
                                                  "f/g", "f/g/a", "a/x/y", "g",      "g/a",
                                                  "..",  "f/a/z", "f/g/h", "f/g/h/i"};
  return *rc::gen::elementOf(kPaths);
}

/// Do one operation and tell its outcome in text.
std::string Do(FileSystem* files, int operation, const std::string& path,
               const std::string& other) {
  switch (operation) {
    case 0:
      return files->Create(path).status().ToString();
    case 1:
      return files->MakeFolder(path).ToString();
    case 2:
    case 3:
      return files->Rename(path, other).ToString();
    case 4:
      return files->Remove(path).ToString();
    case 5:
      return files->SyncFolder(path).ToString();
    case 6: {
      const auto exists = files->Exists(path);
      return exists.ok() ? (*exists ? "there" : "not there") : exists.status().ToString();
    }
    case 7: {
      const auto file = files->Open(path);
      if (!file.ok()) return file.status().ToString();
      const uint64_t bytes = *(*file)->Size();
      return (*file)->Write(bytes, {AsBytes(path)}).ToString() + std::to_string(bytes);
    }
    default: {
      const auto names = Names(files, path);
      return names.ok() ? *names : names.status().ToString();
    }
  }
}

RC_GTEST_PROP(FileSystemProperty, NamesOfTheTwinsAgree, ()) {
  Twins twins;
  const auto operations = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 9));
  for (const int operation : operations) {
    const std::string path = AnyPath();
    const std::string other = AnyPath();
    RC_ASSERT(Do(twins.local.get(), operation, path, other) ==
              Do(&twins.memory, operation, path, other));
    for (const char* folder : {"", "f", "f/g", "g"}) {
      RC_ASSERT(Do(twins.local.get(), 8, folder, "") == Do(&twins.memory, 8, folder, ""));
    }
  }
}

/// The naive model of a file: a string.
void Grow(std::string* model, size_t bytes) {
  if (model->size() < bytes) model->resize(bytes, '\0');
}

RC_GTEST_PROP(FileSystemProperty, BytesOfTheTwinsAgreeWithAString, ()) {
  Twins twins;
  const auto local = twins.local->Create("a").ValueOrDie();
  const auto memory = twins.memory.Create("a").ValueOrDie();
  std::string model;
  const auto operations = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6));
  for (const int operation : operations) {
    const auto at = *rc::gen::inRange<size_t>(0, 3000);
    const std::string text = Pattern(*rc::gen::inRange<size_t>(0, 1500), at);
    for (File* file : {local.get(), memory.get()}) {
      if (operation <= 2) RC_ASSERT(WriteText(file, at, text).ok());
      if (operation == 3) RC_ASSERT(file->Truncate(at).ok());
      if (operation == 4) RC_ASSERT(file->Reserve(at).ok());
      if (operation == 5) RC_ASSERT(file->Sync().ok());
    }
    if (operation <= 2 && !text.empty()) {
      Grow(&model, at + text.size());
      model.replace(at, text.size(), text);
    }
    if (operation == 3) model.resize(at, '\0');
    if (operation == 4) Grow(&model, at);
    RC_ASSERT(*ReadAllText(*local) == model);
    RC_ASSERT(*ReadAllText(*memory) == model);
  }
}

}  // namespace
}  // namespace firth::store
