#include "text/reply_tokenizer.h"

namespace mime_fast {

std::string ReplyTokenizer::decode(const TokenIds& ids) const {
  ReplyDetokenizer state = detokenizer();
  std::string text;
  for (const std::int32_t id : ids) text += state.push(word(id));
  return text + state.finish();
}

}  // namespace mime_fast
