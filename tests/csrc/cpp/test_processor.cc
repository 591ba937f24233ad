// What the processor offers, beside what the kernel says in /proc/cpuinfo.

#include "cpu/processor.h"

#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>

#include "check.h"
#include "cpu/isa.h"

namespace mime_fast::test {
namespace {

// The words after "flags" in /proc/cpuinfo; empty on other processors than x86-64.
std::set<std::string> listed_features() {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> found;
  for (std::string line; found.empty() && std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) found.insert(word);
  }
  return found;
}

void test_features() {
  const std::set<std::string> listed = listed_features();
  if (listed.empty()) {
    std::cout << "skipped: /proc/cpuinfo lists no flags\n";
    return;
  }
  const cpu::ProcessorFeatures has = cpu::processor_features();
  CHECK(has.avx2 == listed.contains("avx2"));
  CHECK(has.fma == listed.contains("fma"));
  CHECK(has.avx512f == listed.contains("avx512f"));
  CHECK(has.avx512bw == listed.contains("avx512bw"));
  CHECK(has.avx512dq == listed.contains("avx512dq"));
  CHECK(has.avx512vl == listed.contains("avx512vl"));
  CHECK(has.avx512vnni == listed.contains("avx512_vnni"));
  CHECK(has.amx_tile == listed.contains("amx_tile"));
  CHECK(has.amx_int8 == listed.contains("amx_int8"));
  CHECK(cpu::is_supported(cpu::Isa::avx2) == (has.avx2 && has.fma));
  CHECK(cpu::is_supported(cpu::Isa::scalar));
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  mime_fast::test::test_features();
  return mime_fast::test::status();
}
