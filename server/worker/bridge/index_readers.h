#ifndef DESCENT_SERVER_WORKER_BRIDGE_INDEX_READERS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_INDEX_READERS_H_

// Which embeddings look up what a model is given itself: then its inputs are indices. Free
// functions; any thread.

#include <string>
#include <vector>

#include "descent/v1/layer.pb.h"

namespace descent::worker {

namespace api = ::descent::v1;

// `model.sequential.layers[0].embedding`, and what it is. Valid as long as the model.
struct IndexReader {
  std::string field;
  const api::Embedding* embedding;
};

// Of a model whose field is `field`: behind nothing but layers that leave indices indices (flatten,
// reshape, dropout, concat nodes), inside sequences and graphs.
std::vector<IndexReader> IndexReaders(const std::string& field, const api::Layer& model);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_INDEX_READERS_H_
