#pragma once

#include <iostream>
#include <vector>

#include "cpu/kernels.h"

namespace mime_fast::test {

// The instruction sets that this processor has; prints those that it lacks.
inline std::vector<cpu::Isa> supported_isas() {
  std::vector<cpu::Isa> isas;
  for (const cpu::Isa isa : cpu::kFastestFirst) {
    if (cpu::is_supported(isa)) {
      isas.push_back(isa);
    } else {
      std::cout << "skipped " << cpu::to_text(isa) << ": this processor does not have it\n";
    }
  }
  return isas;
}

// A table, and the one whose floats it must give.
struct Table {
  const cpu::Kernels& fast;
  const cpu::Kernels& scalar;
};

template <typename Test>
void for_each_table(Test test) {
  for (const cpu::Isa isa : supported_isas()) {
    test(Table{cpu::kernels(isa), cpu::kernels(cpu::Isa::scalar)});
  }
}

}  // namespace mime_fast::test
