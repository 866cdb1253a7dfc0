// What the command line's sources read first: the protocol, and CLI11 for their options.

#include <CLI/CLI.hpp>

#include "deploy/precompiled/protocol.h"
