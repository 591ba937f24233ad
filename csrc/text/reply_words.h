#pragma once

#include <cstdint>
#include <string>

#include "text/reply_detokenizer.h"

namespace mime_fast {

// What the ids of replies write. Any number of threads may use one.
class ReplyWords {
 public:
  virtual ~ReplyWords() = default;

  // What detokenizer() reads of a reply's id. Throws std::invalid_argument if there is no such id.
  virtual const std::string& word(std::int32_t id) const = 0;
  // A new state machine that turns the words of one reply into text.
  virtual ReplyDetokenizer detokenizer() const = 0;

 protected:
  ReplyWords() = default;
  ReplyWords(const ReplyWords&) = default;
  ReplyWords& operator=(const ReplyWords&) = default;
};

// Throws std::invalid_argument unless an id is in [0, size).
void check_id(std::int32_t id, std::int64_t size);

}  // namespace mime_fast
