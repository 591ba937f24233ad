#pragma once

#include "text/normalizer.h"

namespace mime_fast {

// The steps of mime_fast/text/characters.py: plain quotes and letters, nothing invisible.
const Normalizer& plain_characters();

}  // namespace mime_fast
