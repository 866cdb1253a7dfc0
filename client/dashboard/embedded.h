// The dashboard's files, compiled into the program: descentd needs no file of its own to show its
// page. Everything lives as long as the program and never changes; reading is thread-safe.
#ifndef DESCENT_CLIENT_DASHBOARD_EMBEDDED_H_
#define DESCENT_CLIENT_DASHBOARD_EMBEDDED_H_

#include <span>
#include <string_view>

namespace descent::dashboard {

struct Asset {
  std::string_view path;          // of the URL: `/` for index.html, else `/` and the file's name
  std::string_view content_type;  // with charset: `text/html; charset=utf-8`
  std::string_view body;
};

// Gives all files, sorted by path; about two dozen.
std::span<const Asset> Assets();

// Allows what the page needs and no more: scripts, styles, images and connections of its own
// origin. It is sent as Content-Security-Policy with `/`.
inline constexpr std::string_view kContentSecurityPolicy =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'";

}  // namespace descent::dashboard

#endif  // DESCENT_CLIENT_DASHBOARD_EMBEDDED_H_
