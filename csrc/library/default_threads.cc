#include "library/default_threads.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace mime_fast {
namespace {

constexpr int kMost = 4;  // more hardly pays: a step is 50 microseconds

std::string siblings_of(int cpu) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
  std::string siblings;
  std::getline(file, siblings);
  return siblings.empty() ? std::to_string(cpu) : siblings;
}

// Cores, not their hyper-threads, which share the units that do the work.
int physical_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    return static_cast<int>(std::thread::hardware_concurrency());
  }
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cores.insert(siblings_of(cpu));
  }
  return static_cast<int>(cores.size());
}

}  // namespace

int default_threads() {
  return std::max(1, std::min({kMost, physical_cores(), cpu_quota().value_or(kMost)}));
}

}  // namespace mime_fast
