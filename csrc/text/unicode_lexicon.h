#pragma once

#include "text/lexicon.h"

namespace mime_fast {

// What Unicode's tables and proper_nouns.txt say.
const Lexicon& unicode_lexicon();

}  // namespace mime_fast
