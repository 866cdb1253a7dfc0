#include "server/daemon/tls/server_certificate.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/common/log.h"
#include "server/common/regular_file.h"
#include "server/daemon/tls/openssl.h"

namespace descent::daemon {
namespace {

// Whoever renews by hand has so long to do it.
constexpr absl::Duration kSoon = absl::Hours(24 * 14);
// These are those of TLS 1.2 that are forward secret and authenticated; all of TLS 1.3 are.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr size_t kMostPemBytes = 1 << 20;
constexpr std::string_view kHttp = "http/1.1";

absl::Status Unusable(std::string_view file, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(std::string(file), " ", std::string(why)));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  absl::StatusOr<std::string> text = server::ReadRegularFile(path, kMostPemBytes);
  if (text.ok() && text->empty()) return Unusable(path, "is empty");
  if (text.ok()) return text;
  if (absl::IsFailedPrecondition(text.status())) return text.status();
  if (absl::IsOutOfRange(text.status())) {
    return absl::FailedPreconditionError(std::string(text.status().message()));
  }
  const std::string message(text.status().message());
  return Unusable(path, absl::StrCat("cannot be read: ", message.substr(message.rfind(": ") + 2)));
}

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

// Chooses HTTP/1.1 if the client offers it; one that does not is served the same.
int ChooseHttp(SSL*, const unsigned char** chosen, unsigned char* size,
               const unsigned char* offered, unsigned int offered_size, void*) {
  for (unsigned int at = 0; at < offered_size; at += 1 + offered[at]) {
    const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (name != kHttp) continue;
    *chosen = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

// Makes OpenSSL's settings of a server, apart from certificate and key; null if it can't.
std::shared_ptr<SSL_CTX> MakeContext() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) {
    return nullptr;
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A watcher that hears little should hold little.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseHttp, nullptr);
  return context;
}

// Gives the context of a certificate with its issuers, and its key.
absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeContext(const TlsFiles& files,
                                                     const std::string& certificates,
                                                     const std::string& key_text) {
  const openssl::Bio reading = openssl::Reading(certificates);
  const openssl::Certificate own(
      PEM_read_bio_X509(reading.get(), nullptr, openssl::NoPassphrase, nullptr));
  if (own == nullptr) {
    return Unusable(files.certificate,
                    absl::StrCat("holds no certificate in PEM: ", openssl::TakeReason()));
  }
  const openssl::Key key = openssl::ReadKey(key_text);
  if (key == nullptr) {
    return Unusable(files.key, absl::StrCat("holds no key in PEM, or one with a passphrase, which "
                                            "is to be taken off (openssl pkey): ",
                                            openssl::TakeReason()));
  }
  if (X509_check_private_key(own.get(), key.get()) != 1) {
    ERR_clear_error();
    return Unusable(files.key,
                    absl::StrCat("is not the key of the first certificate in ", files.certificate));
  }
  std::shared_ptr<SSL_CTX> context = MakeContext();
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), own.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return Unusable(files.certificate, absl::StrCat("cannot be used: ", openssl::TakeReason()));
  }
  // What follows is its issuers'. The end of the text is an error too.
  while (X509* issuer = PEM_read_bio_X509(reading.get(), nullptr, openssl::NoPassphrase, nullptr)) {
    SSL_CTX_add0_chain_cert(context.get(), issuer);
  }
  ERR_clear_error();
  return context;
}

}  // namespace

bool ServerCertificate::Pair::Covers(const std::string& host) const {
  X509* own = SSL_CTX_get0_certificate(context.get());
  return X509_check_ip_asc(own, host.c_str(), 0) == 1 ||
         X509_check_host(own, host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

absl::StatusOr<std::shared_ptr<ServerCertificate>> ServerCertificate::Load(
    TlsFiles files, const server::Clock* clock) {
  std::shared_ptr<ServerCertificate> certificate(new ServerCertificate(std::move(files), clock));
  server::MutexLock lock(certificate->mutex_);
  certificate->Look();
  if (certificate->pair_ == nullptr) return certificate->unused_;
  return certificate;
}

std::shared_ptr<const ServerCertificate::Pair> ServerCertificate::Current() {
  server::MutexLock lock(mutex_);
  Look();
  return pair_;
}

absl::Status ServerCertificate::health() {
  const std::shared_ptr<const Pair> pair = Current();
  if (Now() < pair->not_after) return absl::OkStatus();
  return Unusable(files_.certificate,
                  absl::StrCat("expired on ", Day(pair->not_after),
                               ": clients refuse it; put a new one in its place (descentd "
                               "certificate), which needs no restart"));
}

std::string ServerCertificate::notice() {
  server::MutexLock lock(mutex_);
  Look();
  if (!unused_.ok()) {
    return absl::StrCat("a new certificate is not used: ", std::string(unused_.message()),
                        "; the one from before is served, until ", Day(pair_->not_after));
  }
  const absl::Time now = Now();
  if (now < pair_->not_before) {
    return absl::StrCat("the certificate in ", files_.certificate, " is not valid before ",
                        Day(pair_->not_before), ": is this machine's clock right?");
  }
  if (now > pair_->not_after - kSoon) {
    return absl::StrCat("the certificate in ", files_.certificate, " ends on ",
                        Day(pair_->not_after),
                        ": put a new one in its place (descentd "
                        "certificate), which needs no restart");
  }
  return "";
}

ServerCertificate::Stamp ServerCertificate::StampOf(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {};
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .seconds = status.st_mtim.tv_sec,
          .nanos = status.st_mtim.tv_nsec};
}

absl::Time ServerCertificate::Now() const { return absl::FromUnixNanos(clock_->WallNanos()); }

absl::StatusOr<std::shared_ptr<const ServerCertificate::Pair>> ServerCertificate::Read() const {
  absl::StatusOr<std::string> certificate = ReadFile(files_.certificate);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadFile(files_.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::shared_ptr<SSL_CTX>> context = MakeContext(files_, *certificate, *key);
  if (!context.ok()) return context.status();
  const X509* own = SSL_CTX_get0_certificate(context->get());
  auto pair = std::make_shared<Pair>(Pair{.certificate = *std::move(certificate),
                                          .key = *std::move(key),
                                          .not_before = openssl::ToTime(X509_get0_notBefore(own)),
                                          .not_after = openssl::ToTime(X509_get0_notAfter(own)),
                                          .fingerprint = openssl::Fingerprint(*own),
                                          .context = *std::move(context)});
  if (Now() >= pair->not_after) {
    return Unusable(files_.certificate, absl::StrCat("expired on ", Day(pair->not_after),
                                                     ": make a new one (descentd certificate)"));
  }
  return pair;
}

void ServerCertificate::Look() {
  // This comes first: what changes while it is read is read again.
  const Stamps stamps = {.certificate = StampOf(files_.certificate), .key = StampOf(files_.key)};
  if (pair_ != nullptr && stamps == stamps_) return;
  stamps_ = stamps;
  absl::StatusOr<std::shared_ptr<const Pair>> read = Read();
  unused_ = read.status();
  if (!read.ok()) {
    if (pair_ == nullptr) return;  // the daemon starts, and says so
    return server::LogWarning(
        "tls", absl::StrCat("a new certificate is not used, the one from before stays: ",
                            std::string(unused_.message())));
  }
  const bool is_first = pair_ == nullptr;
  pair_ = *std::move(read);
  server::LogInfo("tls",
                  absl::StrCat(is_first ? "certificate " : "new certificate ", pair_->fingerprint,
                               " of ", files_.certificate, ", until ", Day(pair_->not_after)));
}

}  // namespace descent::daemon
