#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "library/generator.h"
#include "mime_fast/mime_fast.h"

// What the C functions share: no exception crosses the boundary.

struct mime_fast_generator {
  mime_fast::TextGenerator generator;
};

struct mime_fast_response {
  mime_fast::Reply reply;
};

namespace mime_fast {

// Stores what mime_fast_last_error() returns. Allocates nothing.
void set_last_error(const char* message) noexcept;
// Stores the message of the exception that is being handled, and returns its status.
mime_fast_status status_of_exception() noexcept;

// Calls what a C function does; its status is that of the exception that it throws.
template <typename Call>
mime_fast_status guarded(Call&& call) noexcept {
  try {
    call();
    return MIME_FAST_OK;
  } catch (...) {
    return status_of_exception();
  }
}

// Throws std::invalid_argument if a pointer that must be given is null.
void require_pointer(const void* pointer, const char* name);
// A text of the caller. Throws std::invalid_argument if it is null or no UTF-8.
std::string_view checked_text(const char* text, const char* name);
// The turns of a call.
std::vector<std::string_view> to_turns(const char* const* turns, std::size_t count);
// Checks the size of a struct of options, which the initialiser sets.
//   least, own  // those of the first version and of this one
void require_size(std::size_t size, std::size_t least, std::size_t own, const char* initializer);

// All fields of a struct of options: those of the caller over `initial`, since a caller with an
// older header has fewer.
template <typename Options>
Options all_fields(const Options& given, Options initial, std::size_t first_size,
                   const char* initializer) {
  require_size(given.size, first_size, sizeof given, initializer);
  std::memcpy(&initial, &given, given.size);
  return initial;
}

// Writes initial values into as much memory as the caller's header knows of; a newer one knows of
// more than this library.
template <typename Options>
void initialize(Options initial, void* options, std::size_t size) {
  initial.size = size;
  std::memset(options, 0, size);
  std::memcpy(options, &initial, std::min(size, sizeof initial));
}

// The options of a call: those that are set, over the checkpoint's.
ReplyOptions to_reply_options(const mime_fast_options* given, const ReplyOptions& defaults);

// Copies a text as mime_fast_tokenize does.
void copy_text(std::string_view text, char* buffer, std::size_t capacity, std::size_t* length);

}  // namespace mime_fast
