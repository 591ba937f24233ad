#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>

namespace mime_fast {

// Thrown to end a call that was interrupted.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "the call was interrupted"; }
};

// Checks, at most every 8 ms, whether a call was interrupted. The threads of the call share it;
// only the thread that made the call polls, because Python handles signals there.
class Interrupt {
 public:
  using Clock = std::int64_t (*)();  // returns nanoseconds

  // polls: whether the call can be interrupted; if not, check() costs a comparison.
  // clock: read by each check and poll of the thread that made the call.
  explicit Interrupt(bool polls, Clock clock = now)
      : polls_(polls), clock_(clock), next_(polls ? clock() + kInterval : 0) {}
  virtual ~Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Throws Interrupted once the call was interrupted. Any thread of the call may call it.
  void check() {
    if (!polls_) return;
    if (std::this_thread::get_id() == caller_) poll();
    throw_if_interrupted();
  }
  // Polls if the interval has passed; does not throw. For the thread that made the call.
  void poll() {
    if (!polls_ || interrupted_.load(std::memory_order_relaxed) || clock_() < next_) return;
    if (is_interrupted()) interrupted_.store(true, std::memory_order_relaxed);
    next_ = clock_() + kInterval;
  }
  void throw_if_interrupted() const {
    if (interrupted_.load(std::memory_order_relaxed)) throw Interrupted();
  }

 protected:
  virtual bool is_interrupted() = 0;

 private:
  // The clock ticks every 4 ms (10 on old kernels): two polls are at most 20 ms apart.
  static constexpr std::int64_t kInterval = 8'000'000;

  // Nanoseconds. The coarse clock costs 5 ns, the exact one 25; a step reads it ten times.
  static std::int64_t now();

  const bool polls_;
  const Clock clock_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::int64_t next_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace mime_fast
