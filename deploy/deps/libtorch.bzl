"""LibTorch out of a Python torch package: $LIBTORCH is the package's folder."""

load("//deploy/deps:home.bzl", "DESCENT_HOME_VARIABLES", "descent_home")

# The libraries are linked where they are, not by Bazel's links to them: those of the CUDA build look
# for each other, and for CUDA's own, beside the place that they are loaded from.
_BUILD = """
cc_library(
    name = "libtorch",
    hdrs = glob(["narrow/**/*.h", "include/**/*.h", "include/**/*.hpp"]),
    # Else one header of operators reads all two thousand.
    defines = ["AT_PER_OPERATOR_HEADERS"],
    includes = ["narrow", "include", "include/torch/csrc/api/include"],
    linkopts = [
        "-L{root}/lib",
        "-Wl,-rpath,{root}/lib",
        "-ltorch",
        "-ltorch_cpu",
        "-lc10",{cuda}
    ],
    visibility = ["//visibility:public"],
)
"""

# The build for CUDA registers its kernels when it is loaded; nothing refers to it by name. What it
# needs itself (cuBLAS, cuDNN…) is found beside it when a program starts, and need not be there to
# link one.
_CUDA = """
        "-Wl,--no-as-needed",
        "-ltorch_cuda",
        "-lc10_cuda",
        "-Wl,--as-needed",
        "-Wl,--allow-shlib-undefined",
        "-Wl,-rpath,{root}/../nvidia/cu13/lib","""

# Each operator's header reads LibTorch's own of this name, which reads every type that a TorchScript value
# may be, for a function on lists of tensors that neither calls: twice the time of at::Tensor itself.
_NARROW_DEVICE_GUARD = """#pragma once
#include <c10/core/DeviceGuard.h>
"""

def _libtorch(ctx):
    root = ctx.os.environ.get("LIBTORCH")
    if not root:
        root = descent_home(ctx) + "/venv/lib/python3.11/site-packages/torch"
    if not ctx.path(root + "/include/ATen").exists:
        fail("no LibTorch in %s: run deploy/setup, or set LIBTORCH to the folder of the Python package torch" % root)

    # Only these: the package's include folder also holds another version's google/protobuf.
    for folder in ["ATen", "c10", "torch", "caffe2"]:
        ctx.symlink(root + "/include/" + folder, "include/" + folder)
    ctx.file("narrow/ATen/DeviceGuard.h", _NARROW_DEVICE_GUARD)
    ctx.file("WORKSPACE")
    cuda = _CUDA.format(root = root) if ctx.path(root + "/lib/libtorch_cuda.so").exists else ""
    ctx.file("BUILD", _BUILD.format(root = root, cuda = cuda))

libtorch = repository_rule(
    implementation = _libtorch,
    local = True,
    environ = ["LIBTORCH"] + DESCENT_HOME_VARIABLES,
)
