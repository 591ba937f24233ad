#pragma once

#include <optional>
#include <string>

namespace mime_fast {

// The physical cores that this process may use, at most 4, and no more than a container's limit is
// worth; at least 1. As mime_fast/engines/threads.py.
int default_threads();

// The least limit of the control groups that the process is in, in processors, rounded up; nothing:
// there is none. root: of the file system, with a slash at its end.
std::optional<int> cpu_quota(const std::string& root = "/");

}  // namespace mime_fast
