#include "service/service.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "runtime/out_of_memory.h"

namespace mime_fast {
namespace {

// Ends a long step when the service is closed.
class StopCheck final : public Interrupt {
 public:
  explicit StopCheck(const std::atomic<bool>& stopping) : Interrupt(true), stopping_(stopping) {}

 private:
  bool is_interrupted() override { return stopping_.load(); }

  const std::atomic<bool>& stopping_;
};

}  // namespace

Service::Service(std::shared_ptr<Engine> engine, const ServiceLimits& limits)
    : engine_(std::move(engine)), state_(std::make_unique<State>(limits)), process_(getpid()) {
  try {
    state_->thread = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(),
                            "the system starts no thread for the service; raise its limit on "
                            "processes (ulimit -u)");
  }
}

Service::~Service() {
  if (is_forked()) {
    static_cast<void>(state_.release());
    return;
  }
  close();
}

bool Service::is_forked() const { return getpid() != process_; }

bool Service::alive() const { return !is_forked() && state_->alive.load(); }

void Service::require_own_process() const {
  if (!is_forked()) return;
  throw ServiceClosed("the service belongs to the parent of this process; make one after a fork");
}

std::size_t Service::running() const {
  if (is_forked()) return 0;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->admission.running();
}

std::size_t Service::waiting() const {
  if (is_forked()) return 0;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->admission.waiting();
}

Ticket Service::submit(ServiceRequest request) {
  DecodingSession::check_options(*engine_, request.options);
  require_own_process();
  if (!alive()) throw ServiceClosed("the service has ended; make a new one");
  const Ticket ticket = ++last_ticket_;
  auto entry = std::make_unique<Submitted>(Submitted{ticket, std::move(request)});
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->admission.add(entry);
  }
  state_->wake.notify_one();
  return ticket;
}

void Service::cancel(Ticket ticket) {
  if (is_forked()) return;
  Admission::Entry removed;  // destroyed without the lock
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    removed = state_->admission.remove(ticket);
    if (removed == nullptr) state_->cancelled.push_back(ticket);
  }
  state_->wake.notify_one();
}

void Service::close() {
  if (is_forked() || !state_->thread.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stopping.store(true);
  }
  state_->wake.notify_one();
  state_->thread.join();
}

void Service::run() {
  prepare_to_throw();
  try {
    serve();
  } catch (...) {  // whoever waits sees that the service is not alive
  }
  state_->alive.store(false);
  state_->events.wake();
}

void Service::serve() {
  StopCheck interrupt(state_->stopping);
  Batch batch(engine_);
  Orders orders;
  std::vector<ServiceEvent> events;
  std::vector<std::int64_t> ended;  // rows of requests that have ended
  while (wait_for_orders(batch.is_empty(), orders)) {
    for (const Admission::Entry& entry : orders.expired) {
      ServiceEvent event;
      event.ticket = entry->ticket;
      event.kind = ServiceEvent::Kind::expired;
      event.stop = std::move(entry->request.options.stop);
      events.push_back(std::move(event));
    }
    orders.expired.clear();
    for (const Ticket ticket : orders.cancelled) batch.cancel(ticket, ended);
    orders.cancelled.clear();
    batch.start(std::exchange(orders.starting, {}), interrupt, events, ended);
    batch.step(interrupt, events, ended);
    end_runs(ended);
    state_->events.push(events);
  }
}

// Returns false if the service is closed. Requests wait only while others run.
bool Service::wait_for_orders(bool is_idle, Orders& orders) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  const auto has_orders = [&] {
    return state_->stopping.load() || state_->admission.has_starting() ||
           !state_->cancelled.empty();
  };
  if (is_idle) state_->wake.wait(lock, has_orders);
  orders.cancelled.swap(state_->cancelled);
  state_->admission.take(ServiceRequest::Clock::now(), orders.starting, orders.expired);
  return !state_->stopping.load();
}

void Service::end_runs(std::vector<std::int64_t>& ended) {
  if (ended.empty()) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  for (const std::int64_t rows : ended) state_->admission.end(rows);
  ended.clear();
}

}  // namespace mime_fast
