#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/interrupt.h"

namespace mime_fast {

// Helper threads that wait for work: they spin for a while, since the parts of a token are
// microseconds apart, and then sleep. One caller uses them at a time; see Team. When the caller has
// finished its own part, it runs the parts that no helper has begun. So no call waits for a helper
// that a busy machine does not schedule.
class ThreadPool {
 public:
  // What to do if the system starts fewer threads than requested.
  enum class Shortage { fail, take_fewer };

  // threads: at least 1, the caller included. Throws std::system_error if the system starts fewer
  // and the shortage is to fail.
  explicit ThreadPool(int threads, Shortage shortage = Shortage::fail);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

 private:
  friend class Team;
  using Task = void (*)(void* context, int part);
  // The number of a task, and in its low bits its next part that has not begun.
  using Ticket = std::uint64_t;
  static constexpr int kPartBits = 16;

  ThreadPool();
  bool start_helper(Shortage shortage);
  void run(Task task, void* context, Interrupt* interrupt);
  void wait_for_parts(Interrupt* interrupt);
  void help();
  bool work_on(Ticket task);
  void wait_for_change(Ticket task);
  void leave_callers_cpu() const;
  bool is_forked() const;  // a forked child has none of these threads

  std::vector<std::thread> helpers_;
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;  // whether a Team uses the pool

  std::atomic<Ticket> ticket_{0};
  std::atomic<int> finished_{0};  // parts of the current task
  std::atomic<int> asleep_{0};
  std::atomic<int> caller_cpu_{-1};  // where the caller woke the helpers
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;  // what the first failed part threw
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::mutex sleep_;
  std::unique_ptr<std::condition_variable> wake_;
  int process_;
};

// The threads of one call: those of the pool if no other call uses them, else the caller alone.
// Results do not depend on the number of threads.
class Team {
 public:
  // interrupt: the one of the call, or null.
  explicit Team(ThreadPool& pool, Interrupt* interrupt = nullptr);
  // Creates a team of the caller alone.
  explicit Team(Interrupt* interrupt = nullptr) : interrupt_(interrupt) {}
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // The interrupt of the call, or null; for code without a team.
  Interrupt* interrupt() const { return interrupt_; }

  // Throws Interrupted once the call was interrupted. A part that takes milliseconds calls it
  // repeatedly; parallel() and split() call it before each task.
  void check() const {
    if (interrupt_ != nullptr) interrupt_->check();
  }

  // Calls work(part) for each part in [0, size()), and returns when all are done. Throws what the
  // first failed part threw.
  template <typename Work>
  void parallel(Work&& work) {
    check();
    if (size_ == 1) return work(0);
    pool_->run([](void* context, int part) { (*static_cast<Work*>(context))(part); }, &work,
               interrupt_);
  }

  // Splits [0, count) into ranges that start at multiples of `unit`: work(begin, end).
  template <typename Work>
  void split(std::int64_t count, std::int64_t unit, Work&& work) {
    const std::int64_t units = (count + unit - 1) / unit;
    if (units <= 1) return check(), work(std::int64_t{0}, count);
    parallel([&](int part) {
      const std::int64_t begin = units * part / size_ * unit;
      const std::int64_t end = units * (part + 1) / size_ * unit;
      if (begin < count) work(begin, end < count ? end : count);
    });
  }

 private:
  ThreadPool* pool_ = nullptr;  // null: the caller works alone
  Interrupt* interrupt_ = nullptr;
  int size_ = 1;
};

}  // namespace mime_fast
