#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "engine/decoding_session.h"
#include "engine/encode.h"
#include "search/options.h"

namespace mime_fast {

// Names a request of a service; no number is used twice.
using Ticket = std::uint64_t;

// Thrown for a request that is refused: the limits of running and waiting requests are reached.
class QueueFull : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The service takes no requests.
class ServiceClosed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ServiceLimits {
  std::size_t running = 32;    // requests that are decoded at the same time
  std::size_t waiting = 1024;  // requests that wait
};

// A request with all that its reply depends on.
struct ServiceRequest {
  using Clock = std::chrono::steady_clock;

  Dialogue dialogue;
  std::vector<float> noise;   // (noise count, noise dim)
  std::int64_t emotion = -1;  // the speaker's; negative: the recognised one
  GenerationOptions options;
  std::uint64_t seed = 0;
  bool generates = true;                      // false: only the encoder runs
  bool streams = false;                       // whether agreed tokens are events
  std::optional<Clock::time_point> start_by;  // it is dropped if its encoder has not begun by then

  // Most rows of its steps, without drafts.
  std::int64_t rows() const { return generates ? DecodingSession::rows_of(options) : 0; }
};

// A request in the queue of a service.
struct Submitted {
  Ticket ticket = 0;
  ServiceRequest request;
};

}  // namespace mime_fast
