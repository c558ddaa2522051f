// A folder as `moesim calibrate bench` writes it, with times by simple laws, so that a test knows
// what a fit has to find.
#pragma once

#include <fmt/format.h>

#include <fstream>
#include <string>

#include "calibrate/bench_record.hpp"
#include "calibrate/bench_suite.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim::testing {

class WrittenSuite {
 public:
  /// kind "cpu" or "cuda"; `name` as the driver says it.
  explicit WrittenSuite(const std::string& kind = "cpu", const std::string& name = "Some CPU")
      : cuda_(kind == "cuda") {
    record.kind = kind;
    record.selected = cuda_ ? "cuda:0" : "cpu";
    record.name = name;
    record.version = "0.1.0";
    record.date_utc = "2026-03-04T05:06:07Z";
    record.before = {{"name", name},
                     {"driver", "580.1"},
                     {"sms", cuda_ ? "10" : "1"},
                     {cuda_ ? "memory_bytes" : "host_memory_bytes", "16000000000"}};
    record.noise.points = {"read 1 rotate"};
    record.noise.anchors = {{"start", "", {1.0}}, {"end", "", {1.1}}};
    add_memory();
    add_gemm();
    add_experts();
    add_attention();
    add_layers();
  }

  /// Times of the pieces [us]: one expert of `rows` rows, and the gate of `tokens`.
  static double expert_us(double hidden, double intermediate, double rows) {
    return 1e-3 * hidden * intermediate * (1 + 0.1 * rows);
  }
  static double gate_us(double tokens) { return 5 + 0.5 * tokens; }
  static double around_us(double tokens, double rows, double hidden) {
    return 1 + 4e-4 * (tokens + rows) * hidden;
  }

  /// Writes everything; call after changes to the members.
  std::string write() {
    for (const auto& [file, text] : tables) std::ofstream(directory_.file(file)) << text;
    std::ofstream(directory_.file("run.json")) << bench_record_json(record);
    return directory_.path();
  }

  TemporaryDirectory& directory() { return directory_; }

  BenchRecord record;
  std::map<std::string, std::string> tables;

 private:
  std::string values(double time_us, const std::string& library, bool hot = false) const {
    return fmt::format("{},{:.9g},{:.9g},{},{},ok", hot ? "hot" : "rotate",
                       cuda_ ? time_us : 1.5 * time_us, time_us, cuda_ ? "graph" : "thread_cpu",
                       library);
  }
  static constexpr const char* kValues = "l2,latency_us,p25_us,timer,library,flag";
  std::string library() const { return cuda_ ? "CUDA 13.0" : "Eigen 3.4.0"; }
  std::string dtype() const { return cuda_ ? "bf16" : "fp32"; }

  void enter(const std::string& name, std::int64_t rows) {
    for (const auto& operation : bench_suite())
      if (operation.name == name)
        record.operations.push_back({name, operation.file, "complete", "", "now", 1, rows});
  }

  void add_memory() {
    std::string text =
        fmt::format("program,op,pattern,dtype,kernel,moved_bytes,bandwidth_Bps,{}\n", kValues);
    text += fmt::format("memory_stream,memory_stream,read,fp32,,1000000,1e10,{}\n",
                        values(100, library()));
    text += fmt::format("memory_stream,memory_stream,read,fp32,,1000000,9e10,{}\n",
                        values(11, library(), true));
    enter("memory_stream", 2);
    for (int i = 0; i < 10; ++i)
      text += fmt::format("elementwise,elementwise,,{},rms_norm_residual,{},,{}\n", dtype(),
                          100000 << i, values(3 + (100000 << i) / 5e3, library()));
    enter("elementwise", 10);
    tables["memory.csv"] = std::move(text);
  }

  void add_gemm() {
    std::string text = fmt::format("program,op,dtype,m,n,k,algo,{}\n", kValues);
    int rows = 0;
    for (const auto& [n, k] : {std::pair{256, 256}, {512, 512}, {1024, 512}, {256, 1024}})
      for (int m = 1; m <= 256; m *= 2)
        for (const auto* algo : {"heuristic", "best_of_4"}) {
          text += fmt::format("gemm,gemm,{},{},{},{},{},{}\n", dtype(), m, n, k, algo,
                              values(2 + 2e-5 * m * n * k, cuda_ ? "cublasLt 13.1" : library()));
          ++rows;
        }
    enter("gemm", rows);
    tables["gemm.csv"] = std::move(text);
  }

  void add_experts() {
    std::string text = fmt::format(
        "program,op,stage,dtype,hidden,intermediate,tokens,topk,experts,distribution,"
        "tokens_per_expert,{}\n",
        kValues);
    int grouped = 0, router = 0, permute = 0;
    for (const auto& [h, i] : {std::pair{256, 512}, {512, 256}})
      for (int m = 1; m <= 1024; m = m < 4 ? m + 1 : 3 * m / 2)
        for (const auto* from : {"CUDA 13.0", "cublas 13.1"}) {
          if (!cuda_ && from[1] != 'U') continue;
          const double slower = from[1] == 'U' ? 1 : 2;
          text += fmt::format("grouped_gemm,grouped_gemm,both,{},{},{},{},,,uniform,{},{}\n",
                              dtype(), h, i, m, m,
                              values(slower * expert_us(h, i, m), cuda_ ? from : library()));
          ++grouped;
        }
    for (const int e : {4, 8, 16})
      for (const int h : {256, 512})
        for (int t = 1; t <= 64; t *= 2) {
          text += fmt::format("router_topk,router_topk,,{},{},,{},2,{},,,{}\n", dtype(), h, t, e,
                              values(gate_us(t), library()));
          ++router;
        }
    for (const auto* op : {"permute", "unpermute"})
      for (const int h : {256, 512})
        for (int t = 1; t <= 64; t *= 2) {
          text += fmt::format("permute,{},,{},{},,{},2,8,,,{}\n", op, dtype(), h, t,
                              values(around_us(t, 2 * t, h), library()));
          ++permute;
        }
    enter("grouped_gemm", grouped);
    enter("router_topk", router);
    enter("permute", permute);
    tables["experts.csv"] = std::move(text);
  }

  void add_attention() {
    std::string text = fmt::format(
        "program,op,kind,dtype,kv_dtype,batch,context,tokens,heads,kv_heads,head_dim,kv_lora_rank,"
        "qk_rope_head_dim,{}\n",
        kValues);
    int gqa = 0, mla = 0, prefill = 0;
    for (const int b : {1, 2, 4, 8, 16, 32})
      for (const int l : {128, 256, 512, 1024, 2048}) {
        text +=
            fmt::format("attention_decode,attention_decode,gqa,{0},{0},{1},{2},,8,2,128,0,0,{3}\n",
                        dtype(), b, l, values(5 + 1e-3 * b * l, library()));
        text += fmt::format(
            "attention_decode_mla,attention_decode,mla,{0},{0},{1},{2},,8,1,576,512,64,{3}\n",
            dtype(), b, l, values(5 + 2e-3 * b * l, library()));
        text += fmt::format("attention_prefill,attention_prefill,gqa,{},,{},,{},8,2,128,,,{}\n",
                            dtype(), b, l, values(5 + 1e-5 * b * l * l, library()));
        ++gqa, ++mla, ++prefill;
      }
    enter("attention_decode", gqa);
    enter("attention_decode_mla", mla);
    enter("attention_prefill", prefill);
    tables["attention.csv"] = std::move(text);
  }

  void add_layers() {
    std::string text = fmt::format(
        "program,op,dtype,hidden,intermediate,experts,topk,tokens,skew,tokens_per_expert,{}\n",
        kValues);
    for (const int t : {4, 8}) {
      const double layer_us = expert_us(256, 512, t) + expert_us(256, 512, t / 2) * 2 + gate_us(t) +
                              2 * around_us(t, 2 * t, 256);
      text += fmt::format("moe_layer,moe_layer,{},256,512,4,2,{},0.7,{} {} 0 {},{}\n", dtype(), t,
                          t, t / 2, t / 2, values(layer_us, library()));
    }
    enter("moe_layer", 2);
    tables["layer.csv"] = std::move(text);
  }

  bool cuda_;
  TemporaryDirectory directory_;
};

}  // namespace moesim::testing
