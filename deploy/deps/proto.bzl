"""C++ messages and gRPC stubs by Debian's protoc."""

load("//deploy/precompiled:together.bzl", "compiled_together")

def cc_grpc_proto(name, srcs, services = [], imports = [], deps = []):
    """A cc_library of the messages in srcs and the stubs of those in services.

    Headers are included by the proto's path: `descent/v1/spec.pb.h`.

    Args:
      name: of the library
      srcs: .proto files, by their path under the package, which is the import root
      services: those of srcs that define services
      imports: further .proto files that srcs import
      deps: the libraries of the imports
    """
    stems = [s[:-len(".proto")] for s in srcs]
    service_stems = [s[:-len(".proto")] for s in services]
    headers = [s + ".pb.h" for s in stems] + [s + ".grpc.pb.h" for s in service_stems]
    messages = [s + ".pb.cc" for s in stems]
    stubs = [s + ".grpc.pb.cc" for s in service_stems]
    root = native.package_name()
    service_paths = " ".join([root + "/" + s for s in services])
    native.genrule(
        name = name + "_generate",
        srcs = srcs + [i for i in imports if i not in srcs],
        outs = headers + messages + stubs,
        cmd = "protoc -I%s --cpp_out=$(RULEDIR) %s && " % (root, " ".join([root + "/" + s for s in srcs])) +
              ("protoc -I%s --grpc_out=$(RULEDIR) --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin %s" % (root, service_paths) if services else "true"),
    )
    native.cc_library(
        name = name,
        # Messages can't be: their sources all have a `schemas`.
        srcs = messages + compiled_together(name + "_stubs", stubs),
        hdrs = headers,
        includes = ["."],
        copts = ["-Wno-all", "-Wno-extra"],
        deps = deps + ["//deploy/deps:grpc"],
    )
