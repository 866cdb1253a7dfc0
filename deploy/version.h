// The version of all that is built from this tree: programs say it, packages are named by it. A
// constant.
#ifndef DESCENT_DEPLOY_VERSION_H_
#define DESCENT_DEPLOY_VERSION_H_

namespace descent {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace descent

#endif  // DESCENT_DEPLOY_VERSION_H_
