// The C++17 layer over mime_fast.h: objects that clean up behind themselves, std::string, and
// exceptions. Header only, so that a program and the library may be of different compilers.
#ifndef MIME_FAST_MIME_FAST_HPP
#define MIME_FAST_MIME_FAST_HPP

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mime_fast/mime_fast.h"
#include "mime_fast/options.hpp"
#include "mime_fast/response.hpp"

namespace mime_fast {
namespace detail {

inline void check(mime_fast_status status) {
  if (status != MIME_FAST_OK) throw Error(status, mime_fast_last_error());
}

// A callback of C, which must not throw: what it throws is kept, and the reply is given up.
struct Callback {
  const std::function<bool(std::string_view)>& takes;
  std::exception_ptr error;

  static int call(const char* piece, void* context) noexcept {
    auto& own = *static_cast<Callback*>(context);
    try {
      return own.takes(piece) ? 0 : 1;
    } catch (...) {
      own.error = std::current_exception();
      return 1;
    }
  }
};

// Calls a C function that writes a text into a buffer.
template <typename Write>
std::string written(Write write) {
  std::size_t length = 0;
  check(write(nullptr, 0, &length));
  std::string text(length + 1, '\0');
  check(write(text.data(), text.size(), &length));
  text.resize(length);
  return text;
}

}  // namespace detail

// A checkpoint, text in and text out. Any number of threads may use one. Throws Error.
class Generator {
 public:
  // folder: of a checkpoint.
  explicit Generator(const std::string& folder, const LoadOptions& given = {}) {
    mime_fast_load_options options;
    mime_fast_load_options_init(&options);
    options.compute_type = detail::pointer(given.compute_type);
    options.threads = given.threads;
    mime_fast_generator* generator = nullptr;
    detail::check(mime_fast_generator_create(detail::pointer(folder), &options, &generator));
    generator_.reset(generator);
  }

  Response respond(const std::string& message, const Options& options = {}) const {
    return respond(std::vector<std::string>{message}, options);
  }
  // turns: the speaker's first, then the listener's, in turn, and the speaker's last.
  Response respond(const std::vector<std::string>& turns, const Options& options = {}) const {
    const std::vector<const char*> pointers = detail::pointers(turns);
    mime_fast_response* response = nullptr;
    detail::check(mime_fast_respond(get(), pointers.data(), pointers.size(),
                                    detail::COptions(options).get(), &response));
    return Response(response);
  }

  // The same; each piece is handed out as soon as nothing can change it. on_piece returns whether
  // to go on; if not, an Error with MIME_FAST_CANCELLED is thrown.
  Response stream(const std::vector<std::string>& turns,
                  const std::function<bool(std::string_view)>& on_piece,
                  const Options& options = {}) const {
    const std::vector<const char*> pointers = detail::pointers(turns);
    detail::Callback callback{on_piece, nullptr};
    mime_fast_response* response = nullptr;
    const mime_fast_status status =
        mime_fast_stream(get(), pointers.data(), pointers.size(), detail::COptions(options).get(),
                         &detail::Callback::call, &callback, &response);
    if (callback.error) std::rethrow_exception(callback.error);
    detail::check(status);
    return Response(response);
  }
  Response stream(const std::string& message, const std::function<bool(std::string_view)>& on_piece,
                  const Options& options = {}) const {
    return stream(std::vector<std::string>{message}, on_piece, options);
  }

  // The words or word pieces of a message, joined by blanks.
  std::string tokenize(const std::string& text) const {
    return detail::written([&](char* buffer, std::size_t capacity, std::size_t* length) {
      return mime_fast_tokenize(get(), detail::pointer(text), buffer, capacity, length);
    });
  }

  const mime_fast_generator* get() const { return generator_.get(); }

 private:
  struct Destroy {
    void operator()(mime_fast_generator* generator) const {
      mime_fast_generator_destroy(generator);
    }
  };
  std::unique_ptr<mime_fast_generator, Destroy> generator_;
};

// Words joined by blanks, as natural text.
inline std::string detokenize(const std::string& words) {
  return detail::written([&](char* buffer, std::size_t capacity, std::size_t* length) {
    return mime_fast_detokenize(detail::pointer(words), buffer, capacity, length);
  });
}

}  // namespace mime_fast

#endif
