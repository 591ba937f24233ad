#include "library/boundary.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

#include "io/checkpoint_error.h"
#include "io/utf8.h"
#include "service/request.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

constexpr std::size_t kLongestError = 1024;
thread_local char last_error[kLongestError] = "";

// Copies as many whole characters as fit, and ends them with a zero byte.
void copy_beginning(std::string_view text, char* buffer, std::size_t capacity) noexcept {
  std::size_t length = std::min(text.size(), capacity - 1);
  while (length > 0 && length < text.size() && is_continuation(text[length])) --length;
  std::memcpy(buffer, text.data(), length);
  buffer[length] = '\0';
}

mime_fast_status fail(mime_fast_status status, const char* message) noexcept {
  set_last_error(message);
  return status;
}

}  // namespace

void set_last_error(const char* message) noexcept {
  copy_beginning(message, last_error, kLongestError);
}

mime_fast_status status_of_exception() noexcept {
  try {
    throw;
  } catch (const Cancelled& error) {
    return fail(MIME_FAST_CANCELLED, error.what());
  } catch (const CheckpointError& error) {
    return fail(MIME_FAST_CHECKPOINT_ERROR, error.what());
  } catch (const QueueFull& error) {
    return fail(MIME_FAST_QUEUE_FULL, error.what());
  } catch (const ServiceClosed& error) {
    return fail(MIME_FAST_SERVICE_CLOSED, error.what());
  } catch (const std::invalid_argument& error) {
    return fail(MIME_FAST_INVALID_ARGUMENT, error.what());
  } catch (const std::bad_alloc&) {
    return fail(MIME_FAST_OUT_OF_MEMORY,
                "there is too little memory; ask for fewer beams, sequences or tokens at once");
  } catch (const std::length_error&) {
    return fail(MIME_FAST_OUT_OF_MEMORY, "a text or a number of replies is too large");
  } catch (const std::system_error& error) {
    return fail(MIME_FAST_SYSTEM_ERROR, error.what());
  } catch (const std::exception& error) {
    return fail(MIME_FAST_INTERNAL_ERROR, error.what());
  } catch (...) {
    return fail(MIME_FAST_INTERNAL_ERROR, "an exception of an unknown type");
  }
}

void require_pointer(const void* pointer, const char* name) {
  if (pointer == nullptr) throw std::invalid_argument(std::string(name) + " must not be NULL");
}

std::string_view checked_text(const char* text, const char* name) {
  require_pointer(text, name);
  std::size_t at = 0;
  if (is_utf8(text, at)) return text;
  throw std::invalid_argument(std::string(name) + " is not valid UTF-8 at byte " +
                              std::to_string(at) + "; send UTF-8 text");
}

std::vector<std::string_view> to_turns(const char* const* turns, std::size_t count) {
  if (count > 0) require_pointer(turns, "turns");
  std::vector<std::string_view> result;
  for (std::size_t i = 0; i < count; ++i) {
    require_pointer(turns[i], "a turn");
    result.emplace_back(turns[i]);
  }
  return result;
}

void require_size(std::size_t size, std::size_t least, std::size_t own, const char* initializer) {
  if (size < least) {
    throw std::invalid_argument("the options say that they have " + std::to_string(size) +
                                " bytes, less than any version; call " + initializer +
                                " before anything is set");
  }
  if (size > own) {
    throw std::invalid_argument("the options have " + std::to_string(size) +
                                " bytes, and this library knows " + std::to_string(own) +
                                "; take header and library of one version");
  }
}

void copy_text(std::string_view text, char* buffer, std::size_t capacity, std::size_t* length) {
  require_pointer(length, "length");
  *length = text.size();
  if (capacity == 0) return;
  require_pointer(buffer, "buffer");
  copy_beginning(text, buffer, capacity);
}

}  // namespace mime_fast

const char* mime_fast_version(void) { return MIME_FAST_VERSION; }

const char* mime_fast_last_error(void) { return mime_fast::last_error; }
