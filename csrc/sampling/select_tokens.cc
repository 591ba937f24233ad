#include "mime_fast/select_tokens.h"

#include <string>

#include "sampling/check.h"
#include "sampling/cpu.h"

namespace mime_fast {

void SamplingOptions::validate() const {
  require(temperature >= 0.01 && temperature <= 100, "temperature must be in [0.01, 100]",
          temperature, "; 1 is off; for greedy decoding use do_sample=false");
  require(top_k >= 0, "top_k must be at least 0 (0 keeps all)", top_k);
  require(top_p > 0 && top_p <= 1, "top_p must be in (0, 1]", top_p);
  require(min_p >= 0 && min_p <= 1, "min_p must be in [0, 1]", min_p);
}

void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int64_t* ids) {
  check_vocab(logits);
  options.validate();
  for (std::int64_t row = 0; row < logits.rows; ++row) {
    if (uniforms[row] >= 0 && uniforms[row] < 1) continue;
    const std::string rule = "uniforms[" + to_text(row) + "] must be in [0, 1)";
    require(false, rule.c_str(), uniforms[row]);
  }
  cpu::select_tokens(logits, uniforms, options, ids);
}

}  // namespace mime_fast
