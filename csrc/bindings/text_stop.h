#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "text/stop.h"

namespace mime_fast {

// A TextStop that owns its words, and no object of Python: any thread may destroy it.
class OwningStop final : public StopCondition {
 public:
  OwningStop(std::shared_ptr<const ReplyWords> words, StopStrings stop)
      : words_(std::move(words)), stop_(*words_, std::move(stop)) {}

  bool ends(const TokenIds& tokens) const override { return stop_.ends(tokens); }

 private:
  std::shared_ptr<const ReplyWords> words_;
  TextStop stop_;
};

}  // namespace mime_fast
