#include "server/common/process_stat.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace descent::server {

std::optional<ProcessStat> ReadProcessStat(int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field, the program's name in parentheses, may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  ProcessStat stat;
  rest >> stat.state;
  std::array<int64_t, 25> fields{};  // by their number in proc(5)
  for (size_t number = 4; number < fields.size(); ++number) rest >> fields[number];
  if (!rest) return std::nullopt;
  stat.cpu_ticks = fields[14] + fields[15];
  stat.threads = fields[20];
  stat.start_ticks = fields[22];
  stat.virtual_bytes = fields[23];
  stat.resident_bytes = fields[24] * sysconf(_SC_PAGESIZE);
  return stat;
}

}  // namespace descent::server
