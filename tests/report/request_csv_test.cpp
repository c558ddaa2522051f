#include "sim/report/request_csv.hpp"

#include <gtest/gtest.h>

#include "tests/report/sample_result.hpp"

namespace moesim {
namespace {

TEST(RequestCsv, HasOneLinePerRequestWithExactTimes) {
  EXPECT_EQ(request_csv(testing::sample_result()),
            "id,rank,input_tokens,output_tokens,arrival_s,queue_s,ttft_s,tpot_s,e2e_s,preemptions\n"
            "0,0,100,11,0,0,0.1,0.02,0.3,0\n"
            "1,1,200,1,0.5,0.125,0.3,,0.3,1\n");  // one output token: no TPOT
}

TEST(StepCsv, HasOneLinePerStep) {
  EXPECT_EQ(step_csv(testing::sample_result()),
            "group,start_s,duration_s,prefill_tokens,decode_tokens,running,waiting,"
            "kv_used_fraction\n"
            "0,0,0.1,100,0,1,0,0.1\n"
            "0,0.1,0.02,0,1,1,1,0.2\n"
            "0,0.5,0.3,200,1,2,0,0.5\n");
}

}  // namespace
}  // namespace moesim
