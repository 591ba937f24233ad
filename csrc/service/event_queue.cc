#include "service/event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

namespace mime_fast {

EventQueue::EventQueue() : file_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (file_descriptor_ >= 0) return;
  throw std::system_error(errno, std::generic_category(), "eventfd");
}

EventQueue::~EventQueue() { ::close(file_descriptor_); }

void EventQueue::push(std::vector<ServiceEvent>& events) {
  if (events.empty()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!events_.empty()) {  // the reader is awake already
      events_.insert(events_.end(), std::make_move_iterator(events.begin()),
                     std::make_move_iterator(events.end()));
      events.clear();
      return;
    }
    events_.swap(events);
  }
  wake();
}

void EventQueue::wake() {
  const std::uint64_t one = 1;
  // It fails only if it is readable.
  static_cast<void>(!::write(file_descriptor_, &one, sizeof one));
}

std::vector<ServiceEvent> EventQueue::take() {
  std::uint64_t count = 0;
  static_cast<void>(!::read(file_descriptor_, &count, sizeof count));
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(events_, {});
}

}  // namespace mime_fast
