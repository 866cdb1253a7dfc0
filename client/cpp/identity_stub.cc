#include <utility>

#include "client/cpp/stub.h"
#include "proto/rules/identity.h"
#include "proto/rules/trace_context.h"

namespace descent::client {
namespace {

class IdentityStub final : public Stub {
 public:
  IdentityStub(std::unique_ptr<Stub> stub, std::string principal, const std::string& token,
               rules::TraceContext trace)
      : stub_(std::move(stub)),
        principal_(std::move(principal)),
        trace_(std::move(trace)),
        authorization_(token.empty() ? "" : rules::kBearerScheme + token) {}

  absl::StatusOr<v1::Job> CreateJob(grpc::ClientContext* context,
                                    const v1::CreateJobRequest& request) override {
    return stub_->CreateJob(Signed(context), request);
  }
  absl::StatusOr<v1::Job> GetJob(grpc::ClientContext* context,
                                 const v1::GetJobRequest& request) override {
    return stub_->GetJob(Signed(context), request);
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(grpc::ClientContext* context,
                                                const v1::ListJobsRequest& request) override {
    return stub_->ListJobs(Signed(context), request);
  }
  absl::StatusOr<v1::DeleteJobResponse> DeleteJob(grpc::ClientContext* context,
                                                  const v1::DeleteJobRequest& request) override {
    return stub_->DeleteJob(Signed(context), request);
  }
  absl::StatusOr<v1::ValidateSpecResponse> ValidateSpec(
      grpc::ClientContext* context, const v1::ValidateSpecRequest& request) override {
    return stub_->ValidateSpec(Signed(context), request);
  }
  absl::StatusOr<v1::CommandJobResponse> CommandJob(grpc::ClientContext* context,
                                                    const v1::CommandJobRequest& request) override {
    return stub_->CommandJob(Signed(context), request);
  }
  Reader<v1::WatchJobResponse> WatchJob(grpc::ClientContext* context,
                                        const v1::WatchJobRequest& request) override {
    return stub_->WatchJob(Signed(context), request);
  }
  Reader<v1::PredictJobResponse> PredictJob(grpc::ClientContext* context,
                                            const v1::PredictJobRequest& request) override {
    return stub_->PredictJob(Signed(context), request);
  }
  absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
      grpc::ClientContext* context, const v1::ListAuditEntriesRequest& request) override {
    return stub_->ListAuditEntries(Signed(context), request);
  }
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      grpc::ClientContext* context, const v1::CreateTokenRequest& request) override {
    return stub_->CreateToken(Signed(context), request);
  }
  absl::StatusOr<v1::ListTokensResponse> ListTokens(grpc::ClientContext* context,
                                                    const v1::ListTokensRequest& request) override {
    return stub_->ListTokens(Signed(context), request);
  }
  absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(
      grpc::ClientContext* context, const v1::RevokeTokenRequest& request) override {
    return stub_->RevokeToken(Signed(context), request);
  }
  absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(
      grpc::ClientContext* context, const v1::CreateLoginCodeRequest& request) override {
    return stub_->CreateLoginCode(Signed(context), request);
  }
  absl::StatusOr<v1::Dataset> CreateDataset(grpc::ClientContext* context,
                                            const v1::CreateDatasetRequest& request) override {
    return stub_->CreateDataset(Signed(context), request);
  }
  absl::StatusOr<v1::Dataset> WriteDataset(grpc::ClientContext* context,
                                           const v1::WriteDatasetRequest& request) override {
    return stub_->WriteDataset(Signed(context), request);
  }
  absl::StatusOr<v1::Dataset> GetDataset(grpc::ClientContext* context,
                                         const v1::GetDatasetRequest& request) override {
    return stub_->GetDataset(Signed(context), request);
  }
  absl::StatusOr<v1::ListDatasetsResponse> ListDatasets(
      grpc::ClientContext* context, const v1::ListDatasetsRequest& request) override {
    return stub_->ListDatasets(Signed(context), request);
  }
  absl::StatusOr<v1::DeleteDatasetResponse> DeleteDataset(
      grpc::ClientContext* context, const v1::DeleteDatasetRequest& request) override {
    return stub_->DeleteDataset(Signed(context), request);
  }

 private:
  grpc::ClientContext* Signed(grpc::ClientContext* context) const {
    context->AddMetadata(rules::kPrincipalHeader, principal_);
    if (!authorization_.empty()) context->AddMetadata(rules::kAuthorizationHeader, authorization_);
    if (!trace_.empty()) context->AddMetadata(rules::kTraceParentHeader, trace_.parent);
    if (!trace_.state.empty()) context->AddMetadata(rules::kTraceStateHeader, trace_.state);
    return context;
  }

  const std::unique_ptr<Stub> stub_;
  const std::string principal_;
  const rules::TraceContext trace_;
  const std::string authorization_;
};

}  // namespace

std::unique_ptr<Stub> MakeIdentityStub(std::unique_ptr<Stub> stub, std::string principal,
                                       const std::string& token, rules::TraceContext trace) {
  return std::make_unique<IdentityStub>(std::move(stub), std::move(principal), token,
                                        std::move(trace));
}

}  // namespace descent::client
