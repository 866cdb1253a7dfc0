// Finds out which embeddings look up what a model is given itself: then its inputs are indices.
// Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_INDEX_READERS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_INDEX_READERS_H_

#include <string>
#include <vector>

#include "descent/v1/layer.pb.h"

namespace descent::worker {

namespace api = ::descent::v1;

// An embedding and its field, `model.sequential.layers[0].embedding`. Valid as long as the model.
struct IndexReader {
  std::string field;
  const api::Embedding* embedding;
};

// Gives those of a model whose field is `field`: they are behind nothing but layers that leave
// indices indices (flatten, reshape, dropout, concat nodes), inside sequences and graphs.
std::vector<IndexReader> IndexReaders(const std::string& field, const api::Layer& model);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_INDEX_READERS_H_
