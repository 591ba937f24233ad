#pragma once

#include <atomic>
#include <stdexcept>
#include <string>

namespace mime_fast {

// Guards an object that one thread at a time may use. It refuses a second thread, which would read
// what the first one changes without the GIL.
class OneThread {
 public:
  class Use {
   public:
    Use(OneThread& owner, const char* what) : busy_(owner.busy_) {
      if (!busy_.test_and_set(std::memory_order_acquire)) return;
      throw std::runtime_error(std::string("another thread is using this ") + what +
                               "; one at a time may");
    }
    ~Use() { busy_.clear(std::memory_order_release); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    std::atomic_flag& busy_;
  };

 private:
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

}  // namespace mime_fast
