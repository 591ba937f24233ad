#pragma once

#include <new>
#include <string>

namespace mime_fast {

// Throws Python's MemoryError; the message contains the purpose, the requested size and the remedy.
[[noreturn]] void throw_memory_error(const std::bad_alloc& error, const std::string& purpose,
                                     const char* remedy);

// Calls work(), and turns std::bad_alloc into Python's MemoryError. purpose: such as "load x".
template <typename Work>
auto with_memory_for(const std::string& purpose, const char* remedy, Work&& work) {
  try {
    return work();
  } catch (const std::bad_alloc& error) {
    throw_memory_error(error, purpose, remedy);
  }
}

constexpr const char* kFewerMessages = "send fewer or shorter messages together";
constexpr const char* kFewerRows =
    "ask for fewer beams, sequences or tokens, or send fewer messages together";

}  // namespace mime_fast
