// Service of mime_fast.hpp: many requests at once, for programs with an event loop.
#ifndef MIME_FAST_SERVICE_HPP
#define MIME_FAST_SERVICE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mime_fast/mime_fast.hpp"

namespace mime_fast {

// How many requests of a service are answered, and wait, at the same time.
struct ServiceOptions {
  std::size_t max_running = 32;
  std::size_t max_waiting = 1024;
};

// What happened to a request; mime_fast_kind explains each kind.
struct Event {
  std::uint64_t ticket;
  mime_fast_kind kind;
  std::string piece;
  std::optional<Response> response;
  std::optional<Error> error;
};

// Answers many requests with a thread of its own; each gets the reply that it gets alone. Any
// number of threads may use one. Throws Error.
class Service {
 public:
  // generator: outlives the service.
  explicit Service(const Generator& generator, const ServiceOptions& given = {}) {
    mime_fast_service_options options;
    mime_fast_service_options_init(&options);
    options.max_running = given.max_running;
    options.max_waiting = given.max_waiting;
    mime_fast_service* service = nullptr;
    detail::check(mime_fast_service_create(generator.get(), &options, &service));
    service_.reset(service);
  }

  // Returns the request's ticket at once.
  //   streams   whether there are events with pieces of the reply
  //   max_wait  seconds after which it is dropped unless it has begun; 0: any time
  std::uint64_t submit(const std::vector<std::string>& turns, const Options& options = {},
                       bool streams = false, double max_wait = 0) {
    const std::vector<const char*> pointers = detail::pointers(turns);
    std::uint64_t ticket = 0;
    detail::check(mime_fast_service_submit(get(), pointers.data(), pointers.size(),
                                           detail::COptions(options).get(), streams ? 1 : 0,
                                           max_wait, &ticket));
    return ticket;
  }
  // Drops a request at the next step; no event of it follows.
  void cancel(std::uint64_t ticket) { detail::check(mime_fast_service_cancel(get(), ticket)); }

  std::size_t running() const { return mime_fast_service_running(get()); }
  std::size_t waiting() const { return mime_fast_service_waiting(get()); }

  // Becomes readable with new events: then call next() until it returns nothing.
  int file_descriptor() const { return mime_fast_service_file_descriptor(get()); }
  std::optional<Event> next() {
    mime_fast_event* taken = nullptr;
    detail::check(mime_fast_service_next(get(), &taken));
    if (taken == nullptr) return std::nullopt;
    const std::unique_ptr<mime_fast_event, Destroy> event(taken);
    Event found{mime_fast_event_ticket(taken), mime_fast_event_kind(taken),
                mime_fast_event_piece(taken), std::nullopt, std::nullopt};
    if (mime_fast_response* response = mime_fast_event_take_response(taken)) {
      found.response.emplace(response);
    }
    if (found.kind == MIME_FAST_FAILED) {
      found.error.emplace(mime_fast_event_status(taken), mime_fast_event_error(taken));
    }
    return found;
  }

 private:
  struct Destroy {
    void operator()(mime_fast_service* service) const { mime_fast_service_destroy(service); }
    void operator()(mime_fast_event* event) const { mime_fast_event_destroy(event); }
  };

  mime_fast_service* get() const { return service_.get(); }

  std::unique_ptr<mime_fast_service, Destroy> service_;
};

}  // namespace mime_fast

#endif
