#include "text/plain_characters.h"

#include "io/json.h"
#include "text/never_destroyed.h"
#include "text/tables.h"

namespace mime_fast {

const Normalizer& plain_characters() {
  static const auto& normalizer =
      never_destroyed<Normalizer>(parse_json(table_text("plain_characters.json")));
  return normalizer;
}

}  // namespace mime_fast
