#include "search/sum_exp.h"

#include "cpu/kernels.h"

namespace mime_fast {

double sum_exp(const float* row, std::int64_t vocab, float max) {
  static const cpu::Kernels& kernels = cpu::kernels(cpu::chosen_isa());
  return kernels.sum_exponentials(row, max, 1, vocab);
}

}  // namespace mime_fast
