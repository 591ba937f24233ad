#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "layers/encoder_output.h"
#include "search/hypothesis.h"
#include "search/search.h"
#include "search/stop_condition.h"
#include "service/request.h"

namespace mime_fast {

// What happened to a request. After done, expired or failed there is no other event of it.
struct ServiceEvent {
  enum class Kind {
    tokens,   // tokens became certain, of a request that streams
    done,     // the reply is complete
    expired,  // it waited for too long; nothing was computed
    failed,
  };

  Ticket ticket = 0;
  Kind kind = Kind::done;
  std::shared_ptr<const EncoderOutput> encoded;  // of tokens and done
  TokenIds tokens;                               // (new tokens,) those behind the former event's
  std::vector<double> log_probs;                 // (new tokens,)
  std::vector<Hypothesis> replies;               // of done: as Search::results returns them
  DraftCount drafts;                             // of done
  double encode_ms = 0;                          // of done: with those encoded at the same time
  double decode_ms = 0;                          // of done: from its first step to its last
  std::exception_ptr error;                      // of failed
  // Destroyed by who takes the event: the service's thread would wait for the GIL.
  std::shared_ptr<const StopCondition> stop;
};

// Hands events from one thread to another. The reader waits with poll(), or with an event loop,
// until a file descriptor is readable.
class EventQueue {
 public:
  // Throws std::system_error if the process may open no more files.
  EventQueue();
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // Readable while there are events.
  int file_descriptor() const { return file_descriptor_; }

  // Appends the events, and leaves the vector empty.
  void push(std::vector<ServiceEvent>& events);
  // Makes the file descriptor readable without an event.
  void wake();
  // Returns the events that came since the last call.
  std::vector<ServiceEvent> take();

 private:
  std::mutex mutex_;
  std::vector<ServiceEvent> events_;
  int file_descriptor_;
};

}  // namespace mime_fast
