// attention_decode, kind mla, on one CPU thread: the twin of attention_decode_mla.cu where there is
// no GPU. See attention_decode.hpp for what it measures.

#include "kernels/decode_cpu.hpp"

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<DecodeCpu>(argc, argv, run_decode_mla, prepare_cpu);
}
