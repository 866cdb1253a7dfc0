"""Fuzz targets: libFuzzer and the address sanitizer, by clang 19.

The sources that are fuzzed are compiled anew, with their branches counted, which is what guides
libFuzzer; everything else is linked as it is. One action a source, so that Bazel caches them.
"""

load("//tests:cc_actions.bzl", "include_flags", "linked", "merged_context")

_FLAGS = ["-std=c++20", "-O1", "-g1", "-fno-omit-frame-pointer", "-fsanitize=fuzzer,address", "-w"]

def _fuzz_binary(ctx):
    context = merged_context(ctx.attr.deps)
    flags = _FLAGS + ["-D" + d for d in context.defines.to_list()]
    flags += include_flags(context)

    objects = []
    for source in ctx.files.srcs:
        if source.extension != "cc":
            continue
        object = ctx.actions.declare_file("%s_objects/%s.o" % (ctx.label.name, source.short_path))
        ctx.actions.run(
            executable = "/usr/bin/clang++-19",
            arguments = flags + ["-c", source.path, "-o", object.path],
            inputs = depset(ctx.files.srcs, transitive = [context.headers]),
            outputs = [object],
            mnemonic = "FuzzCompile",
            progress_message = "Compiling %s for fuzzing" % source.short_path,
            # LibTorch's ten thousand headers make a sandbox slow.
            execution_requirements = {"no-sandbox": "1"},
            use_default_shell_env = True,
        )
        objects.append(object)

    libraries = linked(ctx.attr.deps)
    binary = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.run(
        executable = "/usr/bin/clang++-19",
        arguments = ["-fsanitize=fuzzer,address", "-o", binary.path] +
                    [o.path for o in objects] +
                    libraries.flags,
        inputs = objects + libraries.archives,
        outputs = [binary],
        mnemonic = "FuzzLink",
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([binary]), executable = binary)]

fuzz_binary = rule(
    implementation = _fuzz_binary,
    attrs = {
        "srcs": attr.label_list(allow_files = [".cc", ".h"]),
        "deps": attr.label_list(providers = [CcInfo]),
    },
    executable = True,
)

def fuzz_test(name, srcs, deps, corpus, **kwargs):
    """A binary that is fuzzed, and the test that runs it for a while from a corpus on."""
    fuzz_binary(
        name = name + "_fuzzer",
        srcs = srcs,
        testonly = True,
        deps = deps,
    )
    native.sh_test(
        name = name + "_fuzz_test",
        srcs = ["fuzz.sh"],
        args = ["$(location :%s_fuzzer)" % name, "tests/fuzz/corpus/" + name],
        data = [":%s_fuzzer" % name] + corpus,
        **kwargs
    )
