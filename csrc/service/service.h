#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "service/admission.h"
#include "service/batch.h"
#include "service/event_queue.h"
#include "service/request.h"

namespace mime_fast {

// Answers requests on a thread of its own. Requests have their own options and share each pass over
// the weights; each gets the reply that it gets alone. Any number of threads may use a service.
//
// A child of fork has no such thread. There the service is not alive, and no request runs or waits:
// submit throws ServiceClosed, cancel does nothing. Its events are the parent's.
class Service {
 public:
  // Throws std::system_error if the system starts no thread, or opens no event file descriptor.
  Service(std::shared_ptr<Engine> engine, const ServiceLimits& limits);
  // Calls close().
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const Engine& engine() const { return *engine_; }

  // Throws ServiceClosed in a child of fork.
  void require_own_process() const;

  // Returns at once; what happens to the request are events. Throws QueueFull, ServiceClosed, and
  // std::invalid_argument for an option out of range.
  Ticket submit(ServiceRequest request);
  // Drops a request at the next step. Events of it that exist already are still taken.
  void cancel(Ticket ticket);

  // Readable while there are events, and once the thread has ended.
  int file_descriptor() const { return state_->events.file_descriptor(); }
  std::vector<ServiceEvent> take_events() { return state_->events.take(); }

  std::size_t running() const;
  std::size_t waiting() const;
  // Whether the thread runs.
  bool alive() const;

  // Drops all requests and ends the thread, which takes up to 20 ms. No event follows.
  void close();

 private:
  // What the thread is to do before the next step.
  struct Orders {
    std::vector<Admission::Entry> starting, expired;
    std::vector<Ticket> cancelled;
  };
  // On the heap, so that a child of fork can leave it alone: its locks may be held.
  struct State {
    explicit State(const ServiceLimits& limits) : admission(limits) {}

    mutable std::mutex mutex;  // never held while another lock, such as the GIL, is waited for
    std::condition_variable wake;
    Admission admission;            // guarded by mutex
    std::vector<Ticket> cancelled;  // guarded by mutex
    std::atomic<bool> stopping{false};
    std::atomic<bool> alive{true};
    EventQueue events;
    std::thread thread;
  };

  void run();
  void serve();
  bool wait_for_orders(bool is_idle, Orders& orders);
  void end_runs(std::vector<std::int64_t>& ended);
  bool is_forked() const;

  std::shared_ptr<Engine> engine_;
  std::unique_ptr<State> state_;
  std::atomic<Ticket> last_ticket_{0};
  int process_;
};

}  // namespace mime_fast
