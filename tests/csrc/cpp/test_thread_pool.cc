// ThreadPool and Team: every part is done once, whoever else calls, sleeps, wakes or forks.

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>

#include "check.h"
#include "runtime/thread_pool.h"

// A child of fork in a program with threads is beyond what the thread sanitizer follows.
#if defined(__SANITIZE_THREAD__)
constexpr bool kForks = false;
#else
constexpr bool kForks = true;
#endif

namespace mime_fast::test {
namespace {

constexpr int kThreadCounts[] = {1, 2, 3, 5, 8};

// Plain integers: the sanitizer would see two parts that touch the same one.
bool does_every_part_once(Team& team) {
  std::vector<int> done(static_cast<std::size_t>(team.size()));
  team.parallel([&](int part) { ++done[static_cast<std::size_t>(part)]; });
  return done == std::vector<int>(done.size(), 1);
}

void test_parts() {
  for (const int threads : kThreadCounts) {
    ThreadPool pool(threads);
    Team team(pool);
    CHECK(team.size() == threads && pool.threads() == threads);
    int wrong = 0;
    for (int task = 0; task < 2000; ++task) wrong += does_every_part_once(team) ? 0 : 1;
    CHECK(wrong == 0);
  }
}

// What one task wrote is read by the next, in another part.
void test_tasks_follow_each_other() {
  ThreadPool pool(3);
  Team team(pool);
  std::vector<std::int64_t> values(3, 1), next(3);
  for (int task = 0; task < 3000; ++task) {
    team.parallel([&](int part) {
      const auto i = static_cast<std::size_t>(part);
      next[i] = (values[i] + values[(i + 1) % 3]) % 1'000'003;
    });
    values.swap(next);
  }
  CHECK(values[0] == values[1] && values[1] == values[2]);
}

void test_split() {
  ThreadPool pool(3);
  Team team(pool);
  for (const std::int64_t unit : {1, 2, 16}) {
    for (std::int64_t count = 0; count < 70; ++count) {
      std::vector<int> done(static_cast<std::size_t>(count));
      std::atomic<int> crooked{0};
      team.split(count, unit, [&](std::int64_t begin, std::int64_t end) {
        if (begin % unit != 0 || end > count) ++crooked;
        for (std::int64_t i = begin; i < end; ++i) ++done[static_cast<std::size_t>(i)];
      });
      CHECK(crooked == 0);
      CHECK(done == std::vector<int>(done.size(), 1));
    }
  }
}

// The other parts are done all the same, and the pool works on.
void test_exceptions() {
  ThreadPool pool(3);
  Team team(pool);
  for (int task = 0; task < 300; ++task) {
    std::vector<int> done(3);
    CHECK_THROWS(std::runtime_error, "part", team.parallel([&](int part) {
      ++done[static_cast<std::size_t>(part)];
      if (part >= task % 3) throw std::runtime_error("part");
    }));
    CHECK(done == std::vector<int>(3, 1));
    CHECK(does_every_part_once(team));
  }
}

// Calls at the same time: one has the helpers, the others work alone; nobody waits.
void test_callers() {
  ThreadPool pool(3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int call = 0; call < 300; ++call) {
        Team team(pool);
        for (int task = 0; task < 5; ++task) wrong += does_every_part_once(team) ? 0 : 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

// A call inside a part of another: the pool is taken.
void test_nested() {
  ThreadPool pool(3);
  Team outer(pool);
  std::atomic<int> wrong{0};
  for (int task = 0; task < 100; ++task) {
    outer.parallel([&](int) {
      Team inner(pool);
      wrong += inner.size() == 1 && does_every_part_once(inner) ? 0 : 1;
    });
  }
  CHECK(wrong == 0);
}

// Interrupts a call the time that it is asked for the n-th time.
class InterruptAt final : public Interrupt {
 public:
  explicit InterruptAt(int n) : Interrupt(true), left_(n) {}
  int asked() const { return asked_; }
  bool is_asked_elsewhere() const { return elsewhere_; }

 private:
  bool is_interrupted() override {
    ++asked_;
    elsewhere_ = elsewhere_ || std::this_thread::get_id() != caller_;
    return --left_ <= 0;
  }

  const std::thread::id caller_ = std::this_thread::get_id();
  int left_;
  int asked_ = 0;
  bool elsewhere_ = false;
};

void work_for(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

// Long tasks one behind the other, like the steps of a reply. Between two of them the caller's
// interrupt is checked, never a helper's, and the call ends. The pool works on.
void test_interrupts_between_tasks() {
  ThreadPool pool(3);
  for (const int n : {1, 3}) {
    InterruptAt interrupt(n);
    Team team(pool, &interrupt);
    int tasks = 0;
    const auto work = [&] {
      for (; tasks < 2000; ++tasks) {
        team.parallel([&](int) { work_for(std::chrono::milliseconds(1)); });
      }
    };
    CHECK_THROWS(Interrupted, "interrupted", work());
    CHECK(tasks < 2000 && interrupt.asked() == n && !interrupt.is_asked_elsewhere());
    CHECK_THROWS(Interrupted, "interrupted", team.check());  // it stays so
  }
  Team team(pool);
  CHECK(does_every_part_once(team));
}

// One task whose parts check for an interrupt now and then. The parts of helpers end too, also
// where the caller only waits for them.
void test_interrupts_within_a_task() {
  ThreadPool pool(3);
  InterruptAt interrupt(2);
  std::atomic<int> ended{0};
  {
    Team team(pool, &interrupt);
    CHECK_THROWS(Interrupted, "interrupted", team.parallel([&](int part) {
      for (int i = 0; part != 0 && i < 20'000; ++i) {
        work_for(std::chrono::milliseconds(1));
        team.check();
      }
      ++ended;
    }));
  }
  CHECK(ended < 3 && !interrupt.is_asked_elsewhere());
  Team team(pool);
  CHECK(team.size() == 3 && does_every_part_once(team));
}

// A call that is never interrupted is asked by time, not by tasks.
void test_short_calls_are_not_asked() {
  ThreadPool pool(2);
  InterruptAt interrupt(1'000'000);
  const auto start = std::chrono::steady_clock::now();
  Team team(pool, &interrupt);
  for (int task = 0; task < 20'000; ++task) team.parallel([](int) {});
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(interrupt.asked() <= 1 + took / std::chrono::milliseconds(8));
}

// Pauses around the 100 us after which helpers fall asleep: some are about to.
void test_sleep_and_wake() {
  ThreadPool pool(4);
  Team team(pool);
  int wrong = 0;
  for (int round = 0; round < 300; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(round % 3 == 0 ? 500 : 60 + round / 4));
    wrong += does_every_part_once(team) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

void test_destruction() {
  for (int round = 0; round < 100; ++round) {
    auto pool = std::make_unique<ThreadPool>(1 + round % 4);
    if (round % 2 == 0) {
      Team team(*pool);
      CHECK(does_every_part_once(team));
    }
    if (round % 5 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // all asleep
    pool.reset();
  }
}

// Returns when all helpers have worked. Until then one may be starting, with a lock of GCC 12's
// address sanitizer that a child of fork would wait for.
void wait_for_helpers(Team& team) {
  std::set<std::thread::id> seen;
  std::mutex mutex;
  while (static_cast<int>(seen.size()) < team.size()) {
    team.parallel([&](int) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard<std::mutex> lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  }
}

// What a child of fork says: 0 if all was right.
int in_child(ThreadPool& pool) {
  alarm(20);  // a child that hangs is killed
  bool right = true;
  for (int call = 0; call < 50; ++call) {
    Team team(pool);
    right = right && team.size() == 1 && does_every_part_once(team);
  }
  ThreadPool own(2);
  Team team(own);
  right = right && team.size() == 2 && does_every_part_once(team);
  return right ? 0 : 1;
}

// The child has no helpers: it works alone; the parent goes on as before.
void test_fork(bool asleep) {
  auto pool = std::make_unique<ThreadPool>(3);
  for (int round = 0; round < 5; ++round) {
    {
      Team team(*pool);
      wait_for_helpers(team);
      CHECK(does_every_part_once(team));
    }
    if (asleep) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const pid_t child = fork();
    if (child == 0) {
      const int result = in_child(*pool);
      pool.reset();  // must not wait for threads that the child has not
      _exit(result);
    }
    Team team(*pool);
    CHECK(team.size() == 3 && does_every_part_once(team));
    int result = -1;
    waitpid(child, &result, 0);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
  }
}

// The child is forked while another thread has the helpers: it works alone all the same.
void test_fork_while_busy() {
  auto pool = std::make_unique<ThreadPool>(3);
  std::atomic<bool> stop{false};
  std::atomic<int> started{0};
  std::thread caller([&] {
    // The loop allocates nothing: GCC 12's address sanitizer forks while others hold its
    // allocator's lock.
    Team team(*pool);
    wait_for_helpers(team);
    while (!stop) team.parallel([&](int) { ++started; });
  });
  while (started < 5) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    const int result = in_child(*pool);
    pool.reset();
    _exit(result);
  }
  int result = -1;
  waitpid(child, &result, 0);
  CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
  stop = true;
  caller.join();
  Team team(*pool);
  CHECK(team.size() == 3 && does_every_part_once(team));
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  using namespace mime_fast::test;
  test_parts();
  test_tasks_follow_each_other();
  test_split();
  test_exceptions();
  test_callers();
  test_nested();
  test_interrupts_between_tasks();
  test_interrupts_within_a_task();
  test_short_calls_are_not_asked();
  test_sleep_and_wake();
  test_destruction();
  if (kForks) {
    test_fork(false);
    test_fork(true);
    test_fork_while_busy();
  }
  return status();
}
