#include "server/daemon/metrics/request_families.h"

#include <string>
#include <utility>

#include "server/daemon/metrics/family.h"
#include "server/daemon/requests/request_counts.h"

namespace descent::daemon {

std::vector<prometheus::MetricFamily> TransportFamilies(
    const std::map<std::string, Metrics::Transport>& transports) {
  auto watchers = Gauge("descent_watchers", "Watchers connected, by transport.");
  auto lag = Gauge("descent_watcher_lag_events",
                   "Durable events that the slowest watcher has not been sent yet.");
  auto connections = Gauge("descent_connections", "Connections open, by transport.");
  auto most = Gauge("descent_connections_limit", "Connections that may be open.");
  auto refused = Counter("descent_connections_refused_total",
                         "Connections and requests turned away because there were too many.");
  auto requests = Counter("descent_requests_total", "Requests answered, by method and code.");
  auto seconds = Histogram("descent_request_duration_seconds",
                           "Time until requests were answered, in seconds; of a prediction until "
                           "its end, of a watch until it was open.");
  for (const auto& [name, transport] : transports) {
    const Labels labels = {{"transport", name}};
    AddSample(watchers, static_cast<double>(transport.watchers), labels);
    AddSample(lag, static_cast<double>(transport.lag), labels);
    AddSample(connections, static_cast<double>(transport.connections), labels);
    AddSample(most, static_cast<double>(transport.most_connections), labels);
    AddSample(refused, static_cast<double>(transport.refused), labels);
    for (const auto& [method, counted] : transport.requests) {
      for (const auto& [code, count] : counted.codes) {
        AddSample(requests, static_cast<double>(count),
                  {{"transport", name}, {"method", method}, {"code", code}});
      }
      AddHistogram(seconds, RequestCounts::kBounds, counted.within, counted.seconds,
                   {{"transport", name}, {"method", method}});
    }
  }
  return {std::move(watchers), std::move(lag),      std::move(connections), std::move(most),
          std::move(refused),  std::move(requests), std::move(seconds)};
}

prometheus::MetricFamily HttpFamily(const server::Tally<3>::Counts& answered) {
  auto requests = Counter("descent_http_requests_total",
                          "HTTP requests answered, by verb, path and status; a watch when it is "
                          "taken up.");
  for (const auto& [words, count] : answered) {
    AddSample(requests, static_cast<double>(count),
              {{"verb", words[0]}, {"path", words[1]}, {"status", words[2]}});
  }
  return requests;
}

std::vector<prometheus::MetricFamily> AccessFamilies(const Access::Statistics& access) {
  std::vector<prometheus::MetricFamily> families;
  auto refused =
      Counter("descent_callers_refused_total", "Callers that were not let in, by reason.");
  for (const auto& [reason, count] : access.refusals) {
    AddSample(refused, static_cast<double>(count), {{"reason", reason}});
  }
  families.push_back(std::move(refused));
  if (access.next_expiry > 0) {
    families.push_back(Sampled(Gauge("descent_token_expiration_timestamp_seconds",
                                     "When the next of the tokens that are good expires, in "
                                     "seconds since 1970."),
                               static_cast<double>(access.next_expiry) / 1e9));
  }
  return families;
}

}  // namespace descent::daemon
