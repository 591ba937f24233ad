#define MIME_FAST_ISA amx

#include "cpu/vec_avx512.h"
//
#include "cpu/int8_amx.h"
#include "cpu/screen_amx.h"

// The AVX-512 table, with products of int8 on matrix tiles where these are faster.
namespace mime_fast::cpu {

namespace avx512 {
extern const Kernels kTable;
}

namespace amx {
namespace {

// A single row waits for memory, whichever way it is multiplied.
void multiply(const Int8Product& product) {
  if (product.rows == 1) return avx512::kTable.int8_matmul(product);
  int8_matmul(product);
}

// As many rows at once as AVX-512 screens.
void screen_without_tiles(Screen s) {
  const std::int64_t most = avx512::kTable.max_plane_vectors / s.plane_count;
  for (std::int64_t left = s.rows; left > 0; left -= most) {
    s.rows = left < most ? left : most;
    avx512::kTable.screen(s);
    s.planes += most * s.plane_count * s.inner;
    s.unit += most;
    s.correction += most;
    s.scores += most * s.score_stride;
  }
}

void screen(const Screen& s) {
  if (s.rows > 1 && s.inner % kTileBytes == 0) return screen_tiles(s);
  screen_without_tiles(s);
}

Kernels make_table() {
  Kernels table = avx512::kTable;
  table.isa = Isa::amx;
  table.int8_matmul = multiply;
  table.max_plane_vectors = kMaxPlaneVectors;
  table.screen = screen;
  return table;
}

}  // namespace

const Kernels& table() {
  static const Kernels kTable = make_table();
  return kTable;
}

}  // namespace amx
}  // namespace mime_fast::cpu
