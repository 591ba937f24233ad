#include "text/piece_detokenizer.h"

#include <cstddef>

#include "io/utf8.h"
#include "text/white_space.h"

namespace mime_fast {
namespace {

constexpr const char* kReplacement = "\uFFFD";

// Whether Python's incremental decoder waits for more bytes: of a surrogate it wants all three
// before it replaces them.
bool may_continue(std::string_view bytes) {
  const bool is_surrogate = bytes.size() == 2 && static_cast<unsigned char>(bytes[0]) == 0xED &&
                            static_cast<unsigned char>(bytes[1]) >= 0xA0 &&
                            static_cast<unsigned char>(bytes[1]) <= 0xBF;
  return is_surrogate || begins_code_point(bytes);
}

// The number of bytes that one U+FFFD stands for: those that begin a character, or a wrong one.
std::size_t broken_length(std::string_view bytes) {
  std::size_t length = 1;
  while (length < bytes.size() && begins_code_point(bytes.substr(0, length + 1))) ++length;
  return length;
}

}  // namespace

std::string decode_utf8(std::string& bytes, bool is_end) {
  std::string text;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view rest = std::string_view(bytes).substr(at);
    const std::size_t length = utf8_length(rest);
    if (length > 0 && rest[0] != '\0') {
      text += rest.substr(0, length);
      at += length;
    } else if (!is_end && may_continue(rest)) {
      break;
    } else {
      text += kReplacement;
      at += broken_length(rest);
    }
  }
  bytes.erase(0, at);
  return text;
}

std::string PieceDetokenizer::push(std::string_view bytes) {
  waiting_ += bytes;
  return strip(decode_utf8(waiting_, false));
}

std::string PieceDetokenizer::finish() { return strip(decode_utf8(waiting_, true)); }

std::string PieceDetokenizer::strip(std::string text) {
  if (begun_) return text;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && is_space(next_code_point(text, at));) begin = at;
  begun_ = begin < text.size();
  return text.substr(begin);
}

}  // namespace mime_fast
