#include "runtime/interrupt.h"

#include <ctime>

namespace mime_fast {

std::int64_t Interrupt::now() {
#if defined(CLOCK_MONOTONIC_COARSE)
  constexpr clockid_t kClock = CLOCK_MONOTONIC_COARSE;
#else
  constexpr clockid_t kClock = CLOCK_MONOTONIC;
#endif
  std::timespec time{};
  clock_gettime(kClock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace mime_fast
