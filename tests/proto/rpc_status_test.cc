#include "proto/rpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace descent {
namespace {

TEST(RpcStatus, BringsCodeMessageAndDetailsAcrossTheWire) {
  const ErrorDetail detail{.reason = "NEGATIVE_STEP_SIZE",
                           .metadata = {{"job", "jobs/x"}, {"value", "-1"}},
                           .violations = {{"optimizer.adam.step_size", "must be ≥ 0, got -1"},
                                          {"optimizer.adam.beta1", "must be in [0, 1)"}}};
  const absl::Status sent =
      MakeError(absl::StatusCode::kInvalidArgument, "step_size is negative", detail);
  const absl::Status got = FromGrpcStatus(ToGrpcStatus(sent));
  EXPECT_EQ(got.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(got.message(), "step_size is negative");
  EXPECT_EQ(GetErrorDetail(got), detail);
}

// The bytes are those that googleapis-common-protos makes of
//   Status(code=5, message="no", details=[pack(ErrorInfo(reason="R", domain="descent"))])
TEST(RpcStatus, WritesTheBytesOfGoogleRpcStatus) {
  const grpc::Status status =
      ToGrpcStatus(MakeError(absl::StatusCode::kNotFound, "no", std::string_view("R")));
  EXPECT_EQ(absl::BytesToHexString(status.error_details()),
            "080512026e6f1a38"
            "0a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e4572726f72496e666f"
            "120c0a0152"
            "120764657363656e74");
}

TEST(RpcStatus, AFieldsErrorNamesTheFieldInMessageAndViolation) {
  const absl::Status status = InvalidField("data.batch_size", "must be positive");
  EXPECT_EQ(status.message(), "data.batch_size: must be positive");
  EXPECT_THAT(GetErrorDetail(status).violations,
              testing::ElementsAre(FieldViolation{"data.batch_size", "must be positive"}));
}

TEST(RpcStatus, OkAndPlainErrorsStayPlain) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  const grpc::Status plain = ToGrpcStatus(absl::NotFoundError("no such job"));
  EXPECT_EQ(plain.error_details(), "");
  EXPECT_EQ(GetErrorDetail(FromGrpcStatus(plain)), ErrorDetail{});
}

TEST(RpcStatus, StaysBelowTheMetadataLimitWithValidUtf8) {
  ErrorDetail detail{.reason = std::string(500, 'R')};
  for (int i = 0; i < 1000; ++i) {
    detail.violations.push_back({std::string(300, 'f'), std::string(1000, 'd')});
    detail.metadata[std::to_string(i)] = std::string(300, 'v');
  }
  std::string message;
  for (int i = 0; i < 5000; ++i) message += "é";
  const grpc::Status status =
      ToGrpcStatus(MakeError(absl::StatusCode::kInvalidArgument, message, detail));
  // Percent-encoding triples what is not ASCII; base 64 takes four thirds.
  EXPECT_LE(3 * status.error_message().size() + status.error_details().size() * 4 / 3, 8000);
  EXPECT_TRUE(status.error_message().ends_with("é…"));
  const ErrorDetail got = GetErrorDetail(FromGrpcStatus(status));
  EXPECT_THAT(got.violations, testing::Not(testing::IsEmpty()));
  EXPECT_THAT(got.metadata, testing::Not(testing::IsEmpty()));
}

TEST(RpcStatus, ReplacesWhatIsNotUtf8) {
  const absl::Status status = MakeError(absl::StatusCode::kInvalidArgument, "bad \xFF byte",
                                        ErrorDetail{.violations = {{"a\xC0", "\xED\xA0\x80"}}});
  EXPECT_EQ(ToGrpcStatus(status).error_message(), "bad \uFFFD byte");
  EXPECT_EQ(GetErrorDetail(status).violations[0].field, "a\uFFFD");
}

TEST(RpcStatus, SurvivesDetailsThatDontParse) {
  for (const std::string& details : {std::string("\xFF\xFF\xFF"), std::string("\x1A\x7F"),
                                     std::string("\x1A\x02\x0A\x05"), std::string(100, '\0')}) {
    const absl::Status status =
        FromGrpcStatus(grpc::Status(grpc::StatusCode::INTERNAL, "message", details));
    EXPECT_EQ(status.message(), "message");
    EXPECT_EQ(GetErrorDetail(status), ErrorDetail{});
  }
}

TEST(RpcStatus, SettingDetailsAgainReplacesThem) {
  absl::Status status = MakeError(absl::StatusCode::kInternal, "x", std::string_view("FIRST"));
  SetErrorDetail({.reason = "SECOND"}, &status);
  EXPECT_EQ(GetErrorDetail(status).reason, "SECOND");
}

}  // namespace
}  // namespace descent
