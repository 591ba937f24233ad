#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/decoding_session.h"
#include "service/event_queue.h"
#include "service/request.h"

namespace mime_fast {

// The requests of a service that are decoded together. Only the service's thread uses it.
class Batch {
 public:
  explicit Batch(std::shared_ptr<Engine> engine);

  bool is_empty() const { return runs_.empty(); }

  // Encodes requests, which are decoded from the next step on.
  //   ended  // rows of requests that have ended, for Admission::end
  void start(std::vector<std::unique_ptr<Submitted>> requests, Interrupt& interrupt,
             std::vector<ServiceEvent>& events, std::vector<std::int64_t>& ended);
  // Makes one step of all requests.
  void step(Interrupt& interrupt, std::vector<ServiceEvent>& events,
            std::vector<std::int64_t>& ended);
  // Drops a request, if it is one of them.
  void cancel(Ticket ticket, std::vector<std::int64_t>& ended);

 private:
  using Clock = ServiceRequest::Clock;

  struct Run {
    Ticket ticket;
    std::size_t number;  // in the session
    std::shared_ptr<const EncoderOutput> encoded;
    std::shared_ptr<const StopCondition> stop;
    bool streams;
    std::size_t sent;  // agreed tokens that were events
    std::int64_t rows;
    double encode_ms;
    Clock::time_point started;
  };

  void join(Submitted& submitted, std::shared_ptr<const EncoderOutput> encoded, double encode_ms);
  void report_agreed(Run& run, std::vector<ServiceEvent>& events);
  ServiceEvent end_of(Run& run);
  void fail_all(const std::exception_ptr& error, std::vector<ServiceEvent>& events,
                std::vector<std::int64_t>& ended);

  std::shared_ptr<Engine> engine_;
  DecodingSession session_;
  std::vector<Run> runs_;
};

}  // namespace mime_fast
