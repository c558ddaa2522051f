// attention_decode, kind gqa, on one CPU thread: the twin of attention_decode.cu where there is no
// GPU. See attention_decode.hpp for what it measures.

#include "kernels/decode_cpu.hpp"

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<DecodeCpu>(argc, argv, run_decode_gqa, prepare_cpu);
}
