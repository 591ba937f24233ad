#include "library/text_service.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "sampling/check.h"

namespace mime_fast {
namespace {

using ServiceClock = ServiceRequest::Clock;

constexpr double kLongestWait = 1e9;  // seconds; more are no limit

std::optional<ServiceClock::time_point> start_by(std::optional<double> max_wait) {
  if (!max_wait) return std::nullopt;
  if (!(*max_wait > 0)) {
    throw std::invalid_argument("max_wait must be above 0 seconds, got " + to_text(*max_wait) +
                                "; without it a request waits for any time");
  }
  const std::chrono::duration<double> wait(std::min(*max_wait, kLongestWait));
  return ServiceClock::now() + std::chrono::duration_cast<ServiceClock::duration>(wait);
}

}  // namespace

TextService::TextService(const TextGenerator& generator, const ServiceLimits& limits)
    : generator_(generator), service_(generator.engine(), limits) {}

Ticket TextService::submit(const std::vector<std::string_view>& turns, const ReplyOptions& options,
                           bool streams, std::optional<double> max_wait) {
  service_.require_own_process();  // where the mutex may be locked for ever
  const auto latest = start_by(max_wait);
  const Asked asked{std::make_shared<Request>(generator_, turns, options), streams};
  ServiceRequest request = asked.request->to_service_request(streams);
  request.start_by = latest;
  const std::lock_guard<std::mutex> lock(mutex_);  // before an event of it can be taken
  const Ticket ticket = service_.submit(std::move(request));
  requests_.emplace(ticket, asked);
  return ticket;
}

void TextService::cancel(Ticket ticket) {
  if (!service_.alive()) return;
  service_.cancel(ticket);
  const std::lock_guard<std::mutex> lock(mutex_);
  requests_.erase(ticket);
}

// A piece without text is no event: its tokens wait for the next one.
std::optional<TextEvent> TextService::next() {
  service_.require_own_process();
  const std::lock_guard<std::mutex> lock(reading_);
  while (const auto pending = next_pending()) {
    TextEvent event;
    try {
      event = to_text(*pending);
    } catch (...) {
      event.kind = TextEvent::Kind::failed;
      event.error = std::current_exception();
      cancel(pending->event.ticket);  // of a stream, which may go on
    }
    event.ticket = pending->event.ticket;
    if (event.kind != TextEvent::Kind::piece || !event.piece.empty()) return event;
  }
  return std::nullopt;
}

TextEvent TextService::to_text(const Pending& pending) {
  const ServiceEvent& event = pending.event;
  Request& request = *pending.asked.request;
  TextEvent text;
  if (event.kind == ServiceEvent::Kind::expired) {
    text.kind = TextEvent::Kind::expired;
    return text;
  }
  if (event.error) std::rethrow_exception(event.error);
  request.set_encoded(event.encoded, event.encode_ms);
  if (event.kind == ServiceEvent::Kind::tokens) {
    text.kind = TextEvent::Kind::piece;
    text.piece = request.add_agreed(event.tokens);
    return text;
  }
  request.complete(event.replies, event.decode_ms);
  if (pending.asked.streams) text.piece = request.last_piece();
  text.reply = request.reply();
  return text;
}

// Events of requests that were cancelled are dropped.
std::optional<TextService::Pending> TextService::next_pending() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (events_.empty()) take_events();
  while (!events_.empty()) {
    ServiceEvent event = std::move(events_.front());
    events_.pop_front();
    const auto found = requests_.find(event.ticket);
    if (found == requests_.end()) continue;
    Asked asked = found->second;
    if (event.kind != ServiceEvent::Kind::tokens) requests_.erase(found);
    return Pending{std::move(event), std::move(asked)};
  }
  return std::nullopt;
}

void TextService::take_events() {
  const bool is_alive = service_.alive();  // if not, these are the last
  for (ServiceEvent& event : service_.take_events()) events_.push_back(std::move(event));
  if (is_alive) return;
  for (const auto& [ticket, asked] : requests_) {
    ServiceEvent event;
    event.ticket = ticket;
    event.kind = ServiceEvent::Kind::failed;
    event.error = std::make_exception_ptr(
        ServiceClosed("the reply was not completed: the service's thread has ended"));
    events_.push_back(std::move(event));
  }
}

}  // namespace mime_fast
