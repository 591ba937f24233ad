// From the start of a process to the first reply of libmime_fast: the median of some processes, in
// milliseconds, with linking and loading.
//
// start_to_reply CHECKPOINT [RUNS, 20 if not given]
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "mime_fast/mime_fast.hpp"

namespace {

constexpr const char* kMessage = "I lost my dog yesterday.";

// Starts this program again for one reply. Returns how long it took, in milliseconds.
double run_once(char* program, char* checkpoint) {
  char once[] = "once";
  char* const arguments[] = {program, checkpoint, once, nullptr};
  const auto started = std::chrono::steady_clock::now();
  pid_t child = 0;
  int status = 0;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0 ||
      waitpid(child, &status, 0) != child || status != 0) {
    std::fprintf(stderr, "the process failed\n");
    std::exit(1);
  }
  const std::chrono::duration<double, std::milli> passed =
      std::chrono::steady_clock::now() - started;
  return passed.count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CHECKPOINT [RUNS]\n", argv[0]);
    return 2;
  }
  if (argc == 3 && argv[2] == std::string("once")) {
    const mime_fast::Generator generator(argv[1]);
    std::_Exit(generator.respond(kMessage).text().empty() ? 1 : 0);
  }
  const int runs = argc == 3 ? std::max(1, std::atoi(argv[2])) : 20;
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) times.push_back(run_once(argv[0], argv[1]));
  std::sort(times.begin(), times.end());
  std::printf("median of %d processes %.1f ms, least %.1f\n", runs, times[times.size() / 2],
              times[0]);
  return 0;
}
