#pragma once

#include "search/hypothesis.h"

namespace mime_fast {

// A condition that ends a reply before end-of-reply, such as stop strings in its text.
class StopCondition {
 public:
  virtual ~StopCondition() = default;

  // Whether a reply ends with its newest token, which is not end-of-reply. A search calls it once
  // for each token, on the thread that calls advance().
  //   tokens  // (length,) all of the reply so far, at least one
  virtual bool ends(const TokenIds& tokens) const = 0;
};

}  // namespace mime_fast
