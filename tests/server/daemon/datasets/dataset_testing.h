// What a client does to upload a dataset, for tests. Pure functions but for PutDataset; any thread.
#ifndef DESCENT_TESTS_SERVER_DAEMON_DATASETS_DATASET_TESTING_H_
#define DESCENT_TESTS_SERVER_DAEMON_DATASETS_DATASET_TESTING_H_

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/digest/sha256.h"
#include "descent/v1/dataset_service.pb.h"
#include "proto/dataset_manifest.h"
#include "server/daemon/datasets/store.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// A dataset as its client has it.
struct TestDataset {
  std::string name;  // `datasets/x`
  std::string manifest;
  std::string content;  // the manifest and all files
  int64_t bytes = 0;    // of the files

  // `files`: contents by path.
  TestDataset(const std::string& id, const std::map<std::string, std::string>& files)
      : name("datasets/" + id) {
    std::vector<DatasetFile> lines;
    for (const auto& [path, text] : files) {
      lines.push_back(
          {.path = path, .bytes = static_cast<int64_t>(text.size()), .sha256 = Sha256Hex(text)});
    }
    manifest = ManifestText(lines);
    content = manifest;
    for (const auto& [path, text] : files) content += text;
    bytes = static_cast<int64_t>(content.size() - manifest.size());
  }

  std::string digest() const { return Sha256Hex(manifest); }

  v1::CreateDatasetRequest CreateRequest() const {
    v1::CreateDatasetRequest request;
    request.set_name(name);
    request.set_digest(digest());
    request.set_bytes(bytes);
    request.set_manifest_bytes(static_cast<int64_t>(manifest.size()));
    return request;
  }

  v1::WriteDatasetRequest WriteRequest(size_t offset, size_t size) const {
    v1::WriteDatasetRequest request;
    request.set_name(name);
    request.set_digest(digest());
    request.set_offset(static_cast<int64_t>(offset));
    request.set_data(content.substr(offset, size));
    request.set_crc32(libdeflate_crc32(0, request.data().data(), request.data().size()));
    return request;
  }
};

// Uploads all of it.
inline v1::Dataset PutDataset(DatasetStore& store, const TestDataset& dataset,
                              const std::string& owner, const std::string& group = "") {
  v1::CreateDatasetRequest request = dataset.CreateRequest();
  request.set_group(group);
  auto made =
      store.Create({.principal = owner, .role = Role::kOperator, .groups = {group}}, request);
  EXPECT_TRUE(made.ok()) << made.status();
  made = store.Write(dataset.WriteRequest(0, dataset.content.size()));
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *made : v1::Dataset();
}

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_DATASETS_DATASET_TESTING_H_
