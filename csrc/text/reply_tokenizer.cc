#include "text/reply_tokenizer.h"

#include <stdexcept>

namespace mime_fast {

std::string ReplyTokenizer::decode(const TokenIds& ids) const {
  ReplyDetokenizer state = detokenizer();
  std::string text;
  for (const std::int32_t id : ids) text += state.push(word(id));
  return text + state.finish();
}

void check_id(std::int32_t id, std::int64_t size) {
  if (id >= 0 && id < size) return;
  throw std::invalid_argument("a token id must be in [0, " + std::to_string(size) + "), got " +
                              std::to_string(id));
}

}  // namespace mime_fast
