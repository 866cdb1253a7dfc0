"""clang-tidy as Bazel actions, so that a target is looked at again only if a source or header changes.

The sources of a target are read as one: most of the time goes into the headers that they share.

    bazel build --keep_going --aspects=//tests/lint:clang_tidy.bzl%clang_tidy \\
        --output_groups=clang_tidy //core/... //server/... //client/...

Clang's own warnings come with it, among them -Wthread-safety, which checks ABSL_GUARDED_BY.
"""

load("//deploy/precompiled:together.bzl", "JoinedInfo")
load("//tests:cc_actions.bzl", "include_flags")

_SOURCES = ["cc", "cpp"]

_FLAGS = [
    "-std=c++20",
    "-Wall",
    "-Wextra",
    "-Wthread-safety",
    "-Wno-unused-parameter",
    "-Wno-unknown-warning-option",
    # libstdc++'s own algorithms use std::get_temporary_buffer.
    "-Wno-deprecated-declarations",
    # Boost 1.74 knows coroutines of GCC and of older clangs only.
    "-DBOOST_ASIO_HAS_CO_AWAIT",
    "-DBOOST_ASIO_HAS_STD_COROUTINE",
]

def _clang_tidy(target, ctx):
    nothing = [OutputGroupInfo(clang_tidy = depset())]
    if not ctx.rule.kind.startswith("cc_") or "no-lint" in ctx.rule.attr.tags:
        return nothing
    attributes = ctx.rule.attr
    files = []
    for t in getattr(attributes, "srcs", []):
        files += t[JoinedInfo].sources if JoinedInfo in t else t.files.to_list()
    sources = [f for f in files if f.is_source and f.extension in _SOURCES]
    if not sources:
        return nothing

    infos = [d[CcInfo] for d in attributes.deps if CcInfo in d]
    if CcInfo in target:
        infos.append(target[CcInfo])
    context = cc_common.merge_cc_infos(direct_cc_infos = infos).compilation_context

    flags = _FLAGS + ["-D" + d for d in context.defines.to_list() + getattr(attributes, "local_defines", [])]
    flags += [c for c in getattr(attributes, "copts", []) if c.startswith("-D")]
    flags += include_flags(context)

    report = ctx.actions.declare_file(target.label.name + ".tidy")
    ctx.actions.run(
        executable = ctx.executable._tidy,
        arguments = [ctx.file._program.path, report.path, str(len(sources))] + [s.path for s in sources] + flags,
        inputs = depset(files + [ctx.file._config], transitive = [context.headers]),
        tools = [ctx.file._program],
        outputs = [report],
        mnemonic = "ClangTidy",
        progress_message = "Linting %s" % target.label,
        # LibTorch's ten thousand headers make a sandbox slow.
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return [OutputGroupInfo(clang_tidy = depset([report]))]

clang_tidy = aspect(
    implementation = _clang_tidy,
    attrs = {
        "_tidy": attr.label(
            default = "//tests/lint:clang_tidy.sh",
            allow_single_file = True,
            executable = True,
            cfg = "host",
        ),
        "_program": attr.label(default = "@venv//:clang-tidy", allow_single_file = True),
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
    },
)
