// `DatasetServiceImpl` serves descent.v1.DatasetService over gRPC. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_DATASETS_H_
#define DESCENT_SERVER_DAEMON_API_DATASETS_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

#include "descent/v1/dataset_service.grpc.pb.h"
#include "server/common/executor.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/api/unary.h"
#include "server/daemon/datasets/store.h"
#include "server/daemon/requests/dataset_requests.h"
#include "server/daemon/security/access.h"

namespace descent::daemon {

// Raw, as TrainingService is: a request that can't be read is answered by us, with a text.
using RawDatasetService = v1::DatasetService::WithRawCallbackMethod_CreateDataset<
    v1::DatasetService::WithRawCallbackMethod_WriteDataset<
        v1::DatasetService::WithRawCallbackMethod_GetDataset<
            v1::DatasetService::WithRawCallbackMethod_ListDatasets<
                v1::DatasetService::WithRawCallbackMethod_DeleteDataset<
                    v1::DatasetService::Service>>>>>;

class DatasetServiceImpl final : public RawDatasetService {
 public:
  // What is pointed to must outlive it; each may be null.
  DatasetServiceImpl(Callers callers, DatasetStore* store, RequestCounts* counts)
      : callers_(std::move(callers)), requests_(store, counts) {}

  grpc::ServerUnaryReactor* CreateDataset(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &DatasetRequests::Create);
  }

  grpc::ServerUnaryReactor* WriteDataset(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &DatasetRequests::Write);
  }

  grpc::ServerUnaryReactor* GetDataset(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return ServeOn(looking_, requests_, callers_, {context, request, response},
                   &DatasetRequests::Get);
  }

  grpc::ServerUnaryReactor* ListDatasets(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return ServeOn(looking_, requests_, callers_, {context, request, response},
                   &DatasetRequests::List);
  }

  grpc::ServerUnaryReactor* DeleteDataset(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return ServeOn(writing_, requests_, callers_, {context, request, response},
                   &DatasetRequests::Delete);
  }

 private:
  const Callers callers_;
  const DatasetRequests requests_;
  // So many verify or remove something large at a time; who only looks does not wait for them.
  server::Executor writing_{4};
  server::Executor looking_{1};
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_DATASETS_H_
