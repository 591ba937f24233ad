#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "library/default_threads.h"
#include "text/tables.h"

namespace mime_fast {
namespace {

constexpr std::int64_t kPeriod = 100'000;  // microseconds, where none is written
constexpr const char* kVersion2 = "cgroup2";
constexpr const char* kVersion1 = "cgroup";

// A hierarchy of control groups that limits processors.
struct Mount {
  std::string kind;  // the type of its file system
  std::string point;
  std::string group;  // which group of the hierarchy is mounted there
};

// Where systems mount them that do not say so in mountinfo: version 2, hybrid, version 1.
const std::vector<Mount> kUsual = {{kVersion2, "/sys/fs/cgroup", "/"},
                                   {kVersion2, "/sys/fs/cgroup/unified", "/"},
                                   {kVersion1, "/sys/fs/cgroup/cpu", "/"},
                                   {kVersion1, "/sys/fs/cgroup/cpu,cpuacct", "/"}};

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A number, and nothing behind it; nothing: it is none.
std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool lists_cpu(std::string_view controllers) {
  for (const std::string& each : split(controllers, ",")) {
    if (each == "cpu") return true;
  }
  return false;
}

// The group of the process in each kind of hierarchy: lines of id:controllers:path.
std::map<std::string, std::string> groups_of(const std::string& text) {
  std::map<std::string, std::string> groups;
  for (const std::string& line : split(text, "\n")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (lists_cpu(controllers)) groups[kVersion1] = line.substr(second + 1);
    if (controllers.empty()) groups[kVersion2] = line.substr(second + 1);
  }
  return groups;
}

// A path of mountinfo, which writes blanks and backslashes as octal numbers.
std::string unescaped(const std::string& field) {
  std::string path;
  for (std::size_t i = 0; i < field.size(); ++i) {
    int code = 0;
    const bool is_escape =
        field[i] == '\\' && i + 3 < field.size() &&
        std::from_chars(&field[i + 1], &field[i + 1] + 3, code, 8).ptr == &field[i + 1] + 3;
    path += is_escape ? static_cast<char>(code) : field[i];
    if (is_escape) i += 3;
  }
  return path;
}

// Lines of: id parent device root point options ... - type source superoptions.
std::vector<Mount> mounts_of(const std::string& text) {
  std::vector<Mount> mounts;
  for (const std::string& line : split(text, "\n")) {
    const std::size_t middle = line.find(" - ");
    if (middle == std::string::npos) continue;
    const std::vector<std::string> fields = split(line.substr(0, middle), " ");
    const std::vector<std::string> described = split(line.substr(middle + 3), " ");
    if (fields.size() < 5 || described.size() < 3 || !fields[4].starts_with('/')) continue;
    if (described[0] == kVersion2 || (described[0] == kVersion1 && lists_cpu(described[2]))) {
      mounts.push_back({described[0], unescaped(fields[4]), unescaped(fields[3])});
    }
  }
  return mounts.empty() ? kUsual : mounts;
}

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::string& part : split(path, "/")) {
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  return parts;
}

// The parts of the group's path below the one that is mounted; a group elsewhere has none.
std::vector<std::string> parts_inside(const Mount& mount, const std::string& group) {
  const std::vector<std::string> mounted = parts_of(mount.group);
  std::vector<std::string> parts = parts_of(group);
  if (parts.size() < mounted.size() || !std::equal(mounted.begin(), mounted.end(), parts.begin())) {
    return {};
  }
  parts.erase(parts.begin(), parts.begin() + std::ssize(mounted));
  for (const std::string& part : parts) {
    if (part == "..") return {};
  }
  return parts;
}

// The limit of one control group, in processors.
std::optional<int> limit_of(const std::string& folder, const std::string& kind) {
  std::vector<std::string> values;
  if (kind == kVersion2) {
    values = split(strip(read(folder + "/cpu.max")));
  } else {
    values = {strip(read(folder + "/cpu.cfs_quota_us")),
              strip(read(folder + "/cpu.cfs_period_us"))};
  }
  if (values.empty()) return std::nullopt;
  const auto quota = to_number(values[0]);
  const auto period = values.size() > 1 ? to_number(values[1]) : std::optional(kPeriod);
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  const std::int64_t whole = *quota / *period + (*quota % *period != 0 ? 1 : 0);
  return static_cast<int>(std::min<std::int64_t>(whole, std::numeric_limits<int>::max()));
}

}  // namespace

std::optional<int> cpu_quota(const std::string& root) {
  const auto groups = groups_of(read(root + "proc/self/cgroup"));
  std::optional<int> least;
  for (const Mount& mount : mounts_of(read(root + "proc/self/mountinfo"))) {
    const auto group = groups.find(mount.kind);
    std::string folder = root + mount.point.substr(1);
    std::vector<std::string> folders = {folder};
    if (group != groups.end()) {
      for (const std::string& part : parts_inside(mount, group->second)) {
        folders.push_back(folder += "/" + part);
      }
    }
    for (const std::string& each : folders) {
      const auto limit = limit_of(each, mount.kind);
      if (limit && (!least || *limit < *least)) least = limit;
    }
  }
  return least;
}

}  // namespace mime_fast
