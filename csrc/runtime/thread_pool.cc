#include "runtime/thread_pool.h"

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <system_error>
#include <utility>

#include "runtime/out_of_memory.h"

namespace mime_fast {
namespace {

// Longer than the serial part of a decoder step, and short enough to use little energy.
constexpr auto kSpin = std::chrono::microseconds(100);
constexpr int kPausesPerClock = 64;  // reading the clock costs as much as one pause

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool() : wake_(std::make_unique<std::condition_variable>()), process_(getpid()) {}

// Delegates, so that the destructor joins the started threads if a later one cannot be started.
ThreadPool::ThreadPool(int threads, Shortage shortage) : ThreadPool() {
  while (this->threads() < threads && start_helper(shortage)) {
  }
}

bool ThreadPool::start_helper(Shortage shortage) {
  try {
    helpers_.emplace_back([this] { help(); });
    return true;
  } catch (const std::system_error&) {  // ulimit -u, the container's limit of processes
    if (shortage == Shortage::fail) throw;
  } catch (const std::bad_alloc&) {
    if (shortage == Shortage::fail) throw;
  }
  return false;
}

ThreadPool::~ThreadPool() {
  if (is_forked()) {
    // Neither may be destroyed: the child has none of the threads, so joining fails, and the
    // condition waits for threads that slept when the parent forked.
    static_cast<void>(new std::vector<std::thread>(std::move(helpers_)));
    static_cast<void>(wake_.release());
    return;
  }
  stopping_.store(true);
  {
    const std::lock_guard<std::mutex> lock(sleep_);
    ticket_.fetch_add(Ticket{1} << kPartBits);
  }
  wake_->notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

bool ThreadPool::is_forked() const { return getpid() != process_; }

void ThreadPool::run(Task task, void* context, Interrupt* interrupt) {
  task_ = task;
  context_ = context;
  finished_.store(0, std::memory_order_relaxed);
  const Ticket number = (ticket_.load(std::memory_order_relaxed) >> kPartBits) + 1;
  ticket_.store(number << kPartBits);  // publishes the task
  if (asleep_.load() > 0) {
    caller_cpu_.store(sched_getcpu());
    {
      const std::lock_guard<std::mutex> lock(sleep_);
    }  // a helper that goes to sleep is asleep now
    wake_->notify_all();
  }
  while (work_on(number)) {
  }
  wait_for_parts(interrupt);
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (interrupt != nullptr) interrupt->throw_if_interrupted();
}

void ThreadPool::wait_for_parts(Interrupt* interrupt) {
  for (std::int64_t spins = 0; finished_.load(std::memory_order_acquire) < threads(); ++spins) {
    if (interrupt != nullptr && spins % kPausesPerClock == 0) interrupt->poll();
    // Yield, so that a helper that was preempted within its part can run on this core.
    if (spins < 10'000) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

// Runs one part of a task; false if no part is left, or another task has begun.
bool ThreadPool::work_on(Ticket task) {
  Ticket ticket = ticket_.load(std::memory_order_acquire);
  int part;
  do {
    part = static_cast<int>(ticket & ((Ticket{1} << kPartBits) - 1));
    if (ticket >> kPartBits != task || part >= threads()) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel));
  try {
    task_(context_, part);
  } catch (...) {
    if (!failed_.exchange(true)) failure_ = std::current_exception();
  }
  finished_.fetch_add(1, std::memory_order_release);
  return true;
}

void ThreadPool::help() {
  prepare_to_throw();
  Ticket task = 0;
  while (!stopping_.load()) {
    wait_for_change(task);
    task = ticket_.load(std::memory_order_acquire) >> kPartBits;
    while (!stopping_.load() && work_on(task)) {
    }
  }
}

// Returns when a task other than the given one has begun.
void ThreadPool::wait_for_change(Ticket task) {
  const auto changed = [&] { return ticket_.load() >> kPartBits != task; };
  const auto until = std::chrono::steady_clock::now() + kSpin;
  while (!changed()) {
    for (int i = 0; i < kPausesPerClock && !changed(); ++i) pause();
    if (std::chrono::steady_clock::now() < until) continue;
    std::unique_lock<std::mutex> lock(sleep_);
    asleep_.fetch_add(1);
    wake_->wait(lock, changed);
    asleep_.fetch_sub(1);
    lock.unlock();
    leave_callers_cpu();
  }
}

// Linux wakes a thread on the core of its waker (99% of the time on 2 cores), and takes
// milliseconds to move one of them. Excluding that core from the helper's affinity costs 30 to 90
// us once; after that the helper is woken on another core.
void ThreadPool::leave_callers_cpu() const {
  const int cpu = caller_cpu_.load();
  if (cpu < 0 || cpu != sched_getcpu()) return;
  cpu_set_t others;
  if (sched_getaffinity(process_, sizeof others, &others) != 0) return;
  CPU_CLR(static_cast<std::size_t>(cpu), &others);
  if (CPU_COUNT(&others) > 0) sched_setaffinity(0, sizeof others, &others);
}

// A flag, not a mutex: a signal handler may begin another call on the thread that uses the pool.
Team::Team(ThreadPool& pool, Interrupt* interrupt) : interrupt_(interrupt) {
  prepare_to_throw();
  if (pool.is_forked() || pool.taken_.test_and_set(std::memory_order_acquire)) return;
  pool_ = &pool;
  size_ = pool.threads();
}

Team::~Team() {
  if (pool_ != nullptr) pool_->taken_.clear(std::memory_order_release);
}

}  // namespace mime_fast
