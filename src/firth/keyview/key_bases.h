// The bases of a key view: durable copies of its files at one commit, from which it is made again
// when its working files are lost, and behind which the log may be trimmed.
//
// A file is stored once, under a name made of its content, however many bases hold it, and is
// linked where the operating system can. The catalog names one manifest; it names the next only
// when all its files are durable and were read back whole, and only then the files that nothing
// names any more are removed. So at every instant the base that is named is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "firth/catalog/catalog.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/keyview/base_manifest.h"
#include "firth/keyview/key_view.h"
#include "firth/store/file_system.h"

namespace firth::keyview {

/// The name of the catalog's value that names the newest manifest.
inline constexpr const char* kBaseValue = "view.base.keys";

struct KeyBasesOptions {
  store::FileSystem* files = nullptr;
  catalog::Catalog* catalog = nullptr;
  std::string folder = "keybase";
  /// The folder of the operating system that `files` are in, so that files can be linked; empty:
  /// they are copied.
  std::string os_root;
};

/// Thread-safe.
class KeyBases : public BaseSource {
 public:
  /// Read the manifest that the catalog names, and remove files that it does not. One that is
  /// damaged or absent is no error here, see `damage`: the log may do without.
  static Result<std::unique_ptr<KeyBases>> Open(const KeyBasesOptions& options);

  CommitId commit() const override;
  Status Fill(const Place& place) override;
  /// The commit of the base that the catalog names, whether it can be used or not.
  CommitId named_commit() const;
  /// What is wrong with the base that the catalog names: kChecksumMismatch or kFileMissing.
  Status damage() const;
  std::optional<BaseManifest> newest() const;

  /// Make a base of the view as it stands; durable and verified on return, else the one before
  /// holds. Blocks; one call at a time. Errors: kDiskFull, kIo, kChecksumMismatch.
  Status Cut(KeyView* view);

  /// From Hold to Release no file is removed, so that what the catalog names now can be copied; new
  /// bases are made as ever. Hold waits for one that is being made.
  void Hold();
  void Release();

  /// Read every file of the base and compare it with the manifest. Blocks.
  Status Verify() const;

 private:
  explicit KeyBases(const KeyBasesOptions& options) : options_(options) {}

  std::string PathOf(const std::string& name) const { return options_.folder + "/" + name; }
  Status Load();
  /// Remove what `manifest` does not name.
  Status RemoveOthers(const BaseManifest& manifest);
  /// Store a file unless it is there.
  Status Add(const ViewFile& file, BaseFile* stored);
  Status VerifyFile(const BaseFile& file) const;
  Status Publish(const BaseManifest& manifest);

  const KeyBasesOptions options_;
  std::mutex cut_mutex_;  // held while a base is made
  int holds_ = 0;         // guarded by cut_mutex_
  mutable std::mutex mutex_;
  std::optional<BaseManifest> newest_;  // guarded by mutex_
  CommitId named_commit_{0};            // guarded by mutex_
  Status damage_;                       // guarded by mutex_
};

}  // namespace firth::keyview
