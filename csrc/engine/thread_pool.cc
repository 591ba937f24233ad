#include "engine/thread_pool.h"

#include <unistd.h>

#include <chrono>

namespace mime_fast {
namespace {

// Longer than a decoder step's serial part, shorter than anybody notices on a meter.
constexpr auto kSpin = std::chrono::microseconds(100);
constexpr int kPausesPerClock = 64;  // reading the clock costs as much as one pause

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) : process_(getpid()) {
  for (int part = 1; part < threads; ++part) {
    helpers_.emplace_back([this, part] { help(part); });
  }
}

ThreadPool::~ThreadPool() {
  if (is_forked()) {
    for (std::thread& helper : helpers_) helper.detach();
    return;
  }
  stopping_.store(true);
  {
    const std::lock_guard<std::mutex> lock(sleep_);
    epoch_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

bool ThreadPool::is_forked() const { return getpid() != process_; }

void ThreadPool::run(Task task, void* context) {
  task_ = task;
  context_ = context;
  running_.store(static_cast<int>(helpers_.size()), std::memory_order_relaxed);
  epoch_.fetch_add(1);  // publishes the task
  if (asleep_.load() > 0) {
    {
      const std::lock_guard<std::mutex> lock(sleep_);
    }  // whoever falls asleep has done so
    wake_.notify_all();
  }
  task(context, 0);
  for (int spins = 0; running_.load(std::memory_order_acquire) > 0; ++spins) {
    // A helper that lost its core to another process must get a chance to run on this one.
    if (spins < 10'000) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::help(int part) {
  std::uint64_t epoch = 0;
  while (wait_for(epoch)) {
    ++epoch;
    task_(context_, part);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

// Returns when there is a task behind `epoch`; false if there will be none.
bool ThreadPool::wait_for(std::uint64_t epoch) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  while (epoch_.load(std::memory_order_acquire) == epoch) {
    for (int i = 0; i < kPausesPerClock && epoch_.load(std::memory_order_acquire) == epoch; ++i) {
      pause();
    }
    if (std::chrono::steady_clock::now() < until) continue;
    std::unique_lock<std::mutex> lock(sleep_);
    asleep_.fetch_add(1);
    wake_.wait(lock, [&] { return epoch_.load() != epoch; });
    asleep_.fetch_sub(1);
  }
  return !stopping_.load();
}

Team::Team(ThreadPool& pool) : lock_(pool.owner_, std::try_to_lock), pool_(&pool), size_(1) {
  if (lock_.owns_lock() && !pool.is_forked()) size_ = pool.threads();
}

}  // namespace mime_fast
