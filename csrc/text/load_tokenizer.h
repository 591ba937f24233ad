#pragma once

#include <memory>
#include <string>

#include "text/reply_tokenizer.h"

namespace mime_fast {

// Reads the tokenizer.json of a checkpoint of any system. Throws CheckpointError that names the
// file, and what is wrong with it or not known here.
std::unique_ptr<const ReplyTokenizer> load_tokenizer(const std::string& path);

}  // namespace mime_fast
