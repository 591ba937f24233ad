#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "service/request.h"

namespace mime_fast {

// Which requests of a service run, and which wait: first come, first served. A request waits while
// as many run as may, or while its rows do not fit beside theirs. The
// service's mutex guards it.
class Admission {
 public:
  using Entry = std::unique_ptr<Submitted>;
  using Clock = ServiceRequest::Clock;

  explicit Admission(const ServiceLimits& limits) : limits_(limits) {}

  std::size_t running() const { return running_; }
  std::size_t waiting() const { return waiting_.size(); }
  bool has_starting() const { return !starting_.empty(); }

  // Admits the request, or lets it wait. Throws QueueFull, and leaves the entry as it is.
  void add(Entry& entry);
  // Removes requests whose time to start has passed, and those that were admitted since the last
  // call.
  void take(Clock::time_point now, std::vector<Entry>& starting, std::vector<Entry>& expired);
  // Removes a request that has not been taken; null if there is none.
  Entry remove(Ticket ticket);
  // Says that a request of so many rows, which was taken, has ended.
  void end(std::int64_t rows);

 private:
  void admit_waiting();
  void drop_expired(Clock::time_point now, std::vector<Entry>& expired);

  ServiceLimits limits_;
  std::map<Ticket, Entry> waiting_;   // the oldest first
  std::map<Ticket, Entry> starting_;  // admitted, and not taken yet
  std::size_t running_ = 0;
  std::int64_t rows_ = 0;                                     // most rows of those that run
  Clock::time_point next_expiry_ = Clock::time_point::max();  // not later than any start_by
};

}  // namespace mime_fast
