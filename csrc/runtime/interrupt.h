#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>

namespace mime_fast {

// Thrown through a call whose result is not wanted any more.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "the call was interrupted"; }
};

// Asks, at most every 8 ms, whether a call is to go on. The threads of the call share it; only the
// thread that made the call asks, because Python handles signals there.
class Interrupt {
 public:
  using Clock = std::int64_t (*)();  // returns nanoseconds

  // asks: whether there is anything to ask for; if not, check() costs a comparison.
  // clock: looked at by each check and poll of the thread that made the call.
  explicit Interrupt(bool asks, Clock clock = now)
      : asks_(asks), clock_(clock), next_(asks ? clock() + kInterval : 0) {}
  virtual ~Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Throws Interrupted once the call has been. Any thread of the call may call it.
  void check() {
    if (!asks_) return;
    if (std::this_thread::get_id() == caller_) poll();
    throw_if_interrupted();
  }
  // Asks, if it is time to; throws nothing. For the thread that made the call.
  void poll() {
    if (!asks_ || interrupted_.load(std::memory_order_relaxed) || clock_() < next_) return;
    if (is_interrupted()) interrupted_.store(true, std::memory_order_relaxed);
    next_ = clock_() + kInterval;
  }
  void throw_if_interrupted() const {
    if (interrupted_.load(std::memory_order_relaxed)) throw Interrupted();
  }

 protected:
  virtual bool is_interrupted() = 0;

 private:
  // The clock ticks every 4 ms (10 on old kernels): two looks are at most 20 ms apart.
  static constexpr std::int64_t kInterval = 8'000'000;

  // Nanoseconds. The coarse clock costs 5 ns, the exact one 25; a step looks at it ten times.
  static std::int64_t now();

  const bool asks_;
  const Clock clock_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::int64_t next_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace mime_fast
