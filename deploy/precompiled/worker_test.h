// What the tests of such sources read first.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/precompiled/worker.h"
