#include "server/daemon/tls/authority.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files/private_file.h"
#include "server/common/errno_text.h"
#include "server/common/regular_file.h"
#include "server/daemon/tls/openssl.h"

namespace descent::daemon {
namespace {

constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3652);
constexpr absl::Duration kServerLife = absl::Hours(24 * 365);
// Clocks of clients may be behind.
constexpr absl::Duration kSlack = absl::Hours(1);
constexpr const char* kCurve = "P-256";
constexpr int kSerialBytes = 16;
constexpr size_t kMostPemBytes = 1 << 20;

struct Authority {
  openssl::Certificate certificate;
  openssl::Key key;
};

absl::Status OpensslError(const std::string& what) {
  return absl::InternalError(absl::StrCat(what, ": ", openssl::TakeReason()));
}

std::string ReadText(const std::string& path) {
  return server::ReadRegularFile(path, kMostPemBytes).value_or("");
}

bool IsAddress(const std::string& host) {
  in6_addr unused;
  return inet_pton(AF_INET, host.c_str(), &unused) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &unused) == 1;
}

// Checks a name by RFC 1123, which may begin with `*.`; nothing else would be safe in what is told
// to OpenSSL.
bool IsName(std::string_view host) {
  if (host.substr(0, 2) == "*.") host.remove_prefix(2);
  if (host.empty() || host.size() > 253) return false;
  size_t label = 0;
  for (const char c : host) {
    label = c == '.' ? 0 : label + 1;
    const bool is_fine =
        absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    if (!is_fine || label > 63) return false;
  }
  return host.front() != '.' && host.front() != '-' && host.find("..") == std::string_view::npos;
}

// Gives the hosts that a certificate is for.
std::vector<std::string> HostsOf(const X509& certificate) {
  std::vector<std::string> hosts;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    const int size = ASN1_STRING_length(value);
    char text[INET6_ADDRSTRLEN];
    if (type == GEN_DNS) {
      hosts.emplace_back(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    } else if (type == GEN_IPADD &&
               inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) != nullptr) {
      hosts.emplace_back(text);
    }
  }
  GENERAL_NAMES_free(names);
  return hosts;
}

bool SetTime(ASN1_TIME* to, absl::Time time) {
  return ASN1_TIME_set(to, static_cast<time_t>(absl::ToUnixSeconds(time))) != nullptr;
}

// Adds an extension in OpenSSL's words (x509v3_config(5)); `issuer` is whom the certificate is by.
bool AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Fills in what every certificate has, and has it begin a little before `now`.
bool Fill(X509* certificate, EVP_PKEY* key, const std::string& name, absl::Time now,
          absl::Time not_after) {
  unsigned char serial[kSerialBytes];
  if (RAND_bytes(serial, sizeof(serial)) != 1) return false;
  serial[0] &= 0x7F;  // it is a positive number
  serial[0] |= 0x40;  // of this length
  BIGNUM* number = BN_bin2bn(serial, sizeof(serial), nullptr);
  const bool has_serial = number != nullptr &&
                          BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return has_serial && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         SetTime(X509_getm_notBefore(certificate), now - kSlack) &&
         SetTime(X509_getm_notAfter(certificate), not_after) &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

absl::StatusOr<Authority> MakeAuthority(const std::string& name, absl::Time now) {
  Authority made{.certificate = openssl::Certificate(X509_new()),
                 .key = openssl::Key(EVP_EC_gen(kCurve))};
  X509* certificate = made.certificate.get();
  if (certificate == nullptr || made.key == nullptr ||
      !Fill(certificate, made.key.get(), name, now, now + kAuthorityLife) ||
      X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
      !AddExtension(certificate, certificate, NID_basic_constraints,
                    "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(certificate, certificate, NID_subject_key_identifier, "hash") ||
      X509_sign(certificate, made.key.get(), EVP_sha256()) == 0) {
    return OpensslError("the authority's certificate can't be made");
  }
  return made;
}

absl::StatusOr<Authority> ReadAuthority(const CertificateFolder& files, absl::Time now) {
  Authority read{.certificate = openssl::ReadCertificate(ReadText(files.authority)),
                 .key = openssl::ReadKey(ReadText(files.authority_key))};
  std::string why;
  if (read.certificate == nullptr || read.key == nullptr) {
    why = absl::StrCat("can't be read with its key, ", files.authority_key, ": ",
                       openssl::TakeReason());
  } else if (X509_check_private_key(read.certificate.get(), read.key.get()) != 1) {
    ERR_clear_error();
    why = absl::StrCat("is not of the key in ", files.authority_key);
  } else if (time_t seconds = absl::ToUnixSeconds(now);
             X509_cmp_time(X509_get0_notAfter(read.certificate.get()), &seconds) < 0) {
    why = "has expired";
  }
  if (why.empty()) return read;
  return absl::FailedPreconditionError(
      absl::StrCat(files.authority, " ", why,
                   "; put it back from a copy, or move both files away: a new authority is made "
                   "then, which every client must be given"));
}

// Makes the server's certificate by the authority, which it does not outlive.
absl::StatusOr<Authority> MakeServer(const Authority& authority,
                                     const std::vector<std::string>& hosts, absl::Time now) {
  Authority made{.certificate = openssl::Certificate(X509_new()),
                 .key = openssl::Key(EVP_EC_gen(kCurve))};
  const std::string names = absl::StrJoin(hosts, ",", [](std::string* out, const auto& host) {
    absl::StrAppend(out, IsAddress(host) ? "IP:" : "DNS:", host);
  });
  X509* certificate = made.certificate.get();
  X509* issuer = authority.certificate.get();
  // The subject's name holds 64 characters; clients look at the extension.
  if (certificate == nullptr || made.key == nullptr ||
      !Fill(certificate, made.key.get(), "descentd", now, now + kServerLife) ||
      X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
      !AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(certificate, issuer, NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(certificate, issuer, NID_ext_key_usage, "serverAuth") ||
      !AddExtension(certificate, issuer, NID_subject_alt_name, names) ||
      !AddExtension(certificate, issuer, NID_subject_key_identifier, "hash") ||
      !AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) {
    return OpensslError("the server's certificate can't be made");
  }
  const ASN1_TIME* last = X509_get0_notAfter(issuer);
  if (ASN1_TIME_compare(last, X509_get0_notAfter(certificate)) < 0) {
    X509_set1_notAfter(certificate, last);
  }
  if (X509_sign(certificate, authority.key.get(), EVP_sha256()) == 0) {
    return OpensslError("the server's certificate can't be signed");
  }
  return made;
}

std::string ToPem(const openssl::Certificate& certificate) {
  const openssl::Bio out(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (PEM_write_bio_X509(out.get(), certificate.get()) != 1) return "";
  const auto size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

std::string ToPem(const openssl::Key& key) {
  const openssl::Bio out(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return "";
  }
  const auto size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  if (mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("Can't make the folder ", folder, ": ", server::ErrnoText(errno)));
}

// The key comes first: a daemon that runs takes a certificate once its key is there.
absl::Status WritePair(const std::string& certificate_file, const std::string& certificate,
                       const std::string& key_file, const openssl::Key& key) {
  if (absl::Status status = WritePrivateFile(key_file, ToPem(key)); !status.ok()) {
    return status;
  }
  return WritePrivateFile(certificate_file, certificate);
}

// Gives the hosts that a new certificate is for, each once, in lower case.
absl::StatusOr<std::vector<std::string>> ChooseHosts(const CertificateFolder& files,
                                                     std::vector<std::string> hosts) {
  if (hosts.empty() && files.Exists()) {
    const openssl::Certificate old = openssl::ReadCertificate(ReadText(files.server.certificate));
    if (old != nullptr) hosts = HostsOf(*old);
    ERR_clear_error();
  }
  std::vector<std::string> chosen;
  for (const std::string& given : hosts) {
    const std::string host = absl::AsciiStrToLower(given);
    if (!IsAddress(host) && !IsName(host)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", given, "\" is neither a host's name nor an IP address: gpu-box, 192.168.1.7, ::1"));
    }
    if (std::ranges::find(chosen, host) == chosen.end()) chosen.push_back(host);
  }
  if (chosen.empty()) return absl::InvalidArgumentError("a certificate is for at least one host");
  return chosen;
}

}  // namespace

CertificateFolder::CertificateFolder(const std::string& folder)
    : authority(folder + "/ca.pem"),
      authority_key(folder + "/ca.key"),
      server({.certificate = folder + "/server.pem", .key = folder + "/server.key"}) {}

bool CertificateFolder::Exists() const {
  std::error_code error;
  return std::filesystem::exists(server.certificate, error);
}

absl::StatusOr<IssuedCertificate> IssueCertificate(const std::string& folder,
                                                   std::vector<std::string> hosts, absl::Time now) {
  const CertificateFolder files(folder);
  absl::StatusOr<std::vector<std::string>> chosen = ChooseHosts(files, std::move(hosts));
  if (!chosen.ok()) return chosen.status();
  if (absl::Status status = MakeFolder(folder); !status.ok()) return status;
  IssuedCertificate issued{.hosts = *std::move(chosen)};

  std::error_code error;
  issued.new_authority = !std::filesystem::exists(files.authority, error) &&
                         !std::filesystem::exists(files.authority_key, error);
  absl::StatusOr<Authority> authority =
      issued.new_authority
          ? MakeAuthority(absl::StrCat("Descent on ", issued.hosts.front().substr(0, 50)), now)
          : ReadAuthority(files, now);
  if (!authority.ok()) return authority.status();
  const std::string authority_text = ToPem(authority->certificate);
  if (issued.new_authority) {
    if (absl::Status status =
            WritePair(files.authority, authority_text, files.authority_key, authority->key);
        !status.ok()) {
      return status;
    }
  }
  const absl::StatusOr<Authority> server = MakeServer(*authority, issued.hosts, now);
  if (!server.ok()) return server.status();
  if (absl::Status status =
          WritePair(files.server.certificate, ToPem(server->certificate) + authority_text,
                    files.server.key, server->key);
      !status.ok()) {
    return status;
  }
  issued.authority_fingerprint = openssl::Fingerprint(*authority->certificate);
  issued.not_after = openssl::ToTime(X509_get0_notAfter(server->certificate.get()));
  return issued;
}

}  // namespace descent::daemon
