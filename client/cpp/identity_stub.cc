#include <utility>

#include "client/cpp/identity.h"
#include "client/cpp/stub.h"

namespace descent::client {
namespace {

class IdentityStub final : public Stub {
 public:
  IdentityStub(std::unique_ptr<Stub> stub, std::string principal)
      : stub_(std::move(stub)), principal_(std::move(principal)) {}

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

 private:
  grpc::ClientContext* Signed(grpc::ClientContext* context) const {
    context->AddMetadata(kPrincipalKey, principal_);
    return context;
  }

  const std::unique_ptr<Stub> stub_;
  const std::string principal_;
};

}  // namespace

std::unique_ptr<Stub> MakeIdentityStub(std::unique_ptr<Stub> stub, std::string principal) {
  return std::make_unique<IdentityStub>(std::move(stub), std::move(principal));
}

}  // namespace descent::client
