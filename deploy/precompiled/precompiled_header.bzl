"""A header that is compiled once, and read in that form by the sources that begin with it.

GCC takes NAME.precompiled.h.gch in place of NAME.precompiled.h if both lie in one folder and all flags that
change code or macros are the same; otherwise it reads the header as text, which is slower and means the same
(-Winvalid-pch says why).
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _precompiled_header(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    context = cc_common.merge_cc_infos(
        direct_cc_infos = [d[CcInfo] for d in ctx.attr.deps],
    ).compilation_context

    # Under a name that no source has: a header of that name beside the source would be found first.
    header = ctx.actions.declare_file(ctx.label.name + ".precompiled.h")
    compiled = ctx.actions.declare_file(ctx.label.name + ".precompiled.h.gch")
    ctx.actions.expand_template(template = ctx.file.header, output = header, substitutions = {})
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        source_file = header.path,
        output_file = compiled.path,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts,
        quote_include_directories = context.quote_includes,
        include_directories = context.includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = context.defines,
        use_pic = True,
    )
    flags = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = ACTION_NAMES.cpp_compile,
        variables = variables,
    )
    ctx.actions.run(
        executable = toolchain.compiler_executable,
        arguments = ["-x", "c++-header"] + flags,
        inputs = depset([header], transitive = [context.headers, toolchain.all_files]),
        outputs = [compiled],
        mnemonic = "CppPrecompile",
        progress_message = "Precompiling %s" % ctx.file.header.short_path,
        # LibTorch's ten thousand headers make a sandbox slow.
        execution_requirements = {"no-sandbox": "1"},
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = ACTION_NAMES.cpp_compile,
            variables = variables,
        ),
    )

    # What is precompiled is compiled with, and not linked for its sake.
    own = cc_common.create_compilation_context(headers = depset([header, compiled]))
    return [cc_common.merge_cc_infos(direct_cc_infos = [
        CcInfo(compilation_context = own),
        CcInfo(compilation_context = context),
    ])]

precompiled_header = rule(
    implementation = _precompiled_header,
    attrs = {
        "header": attr.label(allow_single_file = [".h"], mandatory = True),
        "copts": attr.string_list(doc = "as those of the targets that begin with it"),
        "deps": attr.label_list(providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    fragments = ["cpp"],
)
