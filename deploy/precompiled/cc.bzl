"""cc_library, cc_binary and cc_test whose sources begin with a precompiled header, chosen by their deps.

A library of many sources says `together = True`: then a few at a time are compiled as one, so that what they share (the
precompiled header, templates, inline functions) is read and compiled once for all of them. Its sources must not have the
same name for themselves. What is linked one by one elsewhere (the lists of kinds, which tests/recipe replaces; what
tests/fuzz compiles) is named in `apart`.

Whoever depends on LibTorch or on the protocol reads the same hundred thousand lines before the first one of
his own: two thirds of all compilation. A target that reads them through its deps alone says so by
`precompiled = "tensor"`. Sources still include what they use: clang-tidy, the fuzz targets
and other compilers read them without any of this.
"""

load("//core/plan:kernel_copts.bzl", "KERNEL_COPTS")
load(":copts.bzl", "COMMAND_LINE_COPTS")
load(":together.bzl", "compiled_together")

_PROTOCOL = ["//proto:descent_proto", "//proto:worker_proto"]
_TESTS = ["//deploy/deps:gtest", "//deploy/deps:gtest_main"]

def _chosen(deps, copts):
    protocol = any([p in deps for p in _PROTOCOL])
    if "@libtorch" in deps or (protocol and native.package_name().find("server/worker") != -1):
        name = "worker" if protocol else "tensor"
    elif protocol:
        name = "protocol"
    else:
        return None
    if any([t in deps for t in _TESTS]):
        name += "_test"
    if copts == KERNEL_COPTS and name == "tensor":
        return name + "_kernel"

    # Others of a target's own flags may change macros: then nothing precompiled would be read.
    return None if copts else name

def _with_header(rule, name, deps = [], copts = [], srcs = [], precompiled = None, **kwargs):
    compiles = [s for s in srcs if s.endswith(".cc")] if type(srcs) == type([]) else srcs
    header = precompiled or (_chosen(deps, copts) if compiles else None)
    if header == "command_line":
        copts = COMMAND_LINE_COPTS + copts
    if header:
        if not header.startswith("//"):
            header = "//deploy/precompiled:" + header
        deps = deps + [header]
        copts = ["-include", header[2:].replace(":", "/") + ".precompiled.h"] + copts
    rule(name = name, deps = deps, copts = copts, srcs = srcs, **kwargs)

def cc_library(name, srcs = [], together = False, apart = [], **kwargs):
    if together:
        joined = [s for s in srcs if s.endswith(".cc") and s not in apart]
        srcs = [s for s in srcs if s not in joined] + compiled_together(name, joined)
    _with_header(native.cc_library, name, srcs = srcs, **kwargs)

def cc_binary(name, **kwargs):
    _with_header(native.cc_binary, name, **kwargs)

def cc_test(name, **kwargs):
    _with_header(native.cc_test, name, **kwargs)
