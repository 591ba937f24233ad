#pragma once

#include <string>
#include <string_view>

namespace mime_fast {

// Turns the bytes of the pieces of one reply into text, as PieceDetokenizer of
// mime_fast/text/subword_tokenizer.py: half a character waits for its other half.
class PieceDetokenizer {
 public:
  // The text that the bytes of a piece add.
  std::string push(std::string_view bytes);
  // The text that waited, at the end: U+FFFD for what is no whole character.
  std::string finish();

 private:
  // A reply does not begin with a blank.
  std::string strip(std::string text);

  std::string waiting_;  // bytes that may begin a character
  bool begun_ = false;
};

// The text of bytes as Python decodes it with errors="replace": U+FFFD for each part that is no
// character, and for a zero byte. Unless it is the end, bytes that may begin a character stay in
// `bytes`.
std::string decode_utf8(std::string& bytes, bool is_end);

}  // namespace mime_fast
