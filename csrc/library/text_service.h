#pragma once

#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "library/generator.h"
#include "library/request.h"
#include "service/service.h"

namespace mime_fast {

// What happened to a request of a TextService. After any but a piece there is no other event of it.
struct TextEvent {
  enum class Kind { piece, done, expired, failed };

  Ticket ticket = 0;
  Kind kind = Kind::done;
  std::string piece;           // of a stream: text that is certain; with `done` the last of it
  std::optional<Reply> reply;  // of done
  std::exception_ptr error;    // of failed
};

// A Service of texts. Any number of threads may use one.
class TextService {
 public:
  // generator: outlives the service. Throws std::system_error if the system starts no thread, or
  // opens no event file descriptor.
  TextService(const TextGenerator& generator, const ServiceLimits& limits);

  // Checks a message and hands it to the service's thread, without waiting for the reply. Throws
  // what TextGenerator::respond throws, QueueFull and ServiceClosed.
  //   max_wait  // seconds, positive: it is dropped if it has not begun by then
  Ticket submit(const std::vector<std::string_view>& turns, const ReplyOptions& options,
                bool streams, std::optional<double> max_wait);
  // Drops a request at the next step. No event of it follows but one that another thread is taking.
  void cancel(Ticket ticket);

  // Becomes readable with new events: then take events until there is none.
  int file_descriptor() const { return service_.file_descriptor(); }
  // Returns an event, or nothing once there is none. Ranks the samples of a reply, and computes
  // its log-probabilities: neither takes the service's thread.
  std::optional<TextEvent> next();

  const TextGenerator& generator() const { return generator_; }
  std::size_t running() const { return service_.running(); }
  std::size_t waiting() const { return service_.waiting(); }

 private:
  struct Asked {
    std::shared_ptr<Request> request;
    bool streams;
  };
  struct Pending {
    ServiceEvent event;
    Asked asked;
  };

  static TextEvent to_text(const Pending& pending);
  std::optional<Pending> next_pending();
  void take_events();

  const TextGenerator& generator_;
  std::mutex reading_;                // keeps the events of a request in order
  std::mutex mutex_;                  // of what follows
  std::map<Ticket, Asked> requests_;  // those without an end
  std::deque<ServiceEvent> events_;
  Service service_;  // the first to be destroyed
};

}  // namespace mime_fast
