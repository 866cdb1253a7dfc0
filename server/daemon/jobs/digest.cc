#include "server/daemon/jobs/digest.h"

#include <fstream>
#include <vector>

#include "core/digest/sha256.h"

namespace descent::daemon {

std::string FileSha256(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "";
  Sha256 sha;
  std::vector<char> buffer(1 << 20);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0) {
    sha.Update(buffer.data(), static_cast<size_t>(file.gcount()));
  }
  return file.bad() ? "" : sha.FinishHex();
}

}  // namespace descent::daemon
