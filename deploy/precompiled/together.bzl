"""Sources that are compiled a few at a time."""

# More save less and less, and after each edit so many are compiled.
_AT_ONCE = 6

# Of a source that was put together: those that it is made of.
JoinedInfo = provider(fields = ["sources"])

# They are copied, not included: what a library includes is an input of all who depend on it.
def _joined_source(ctx):
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.run_shell(
        command = """out="$1"; shift; for f in "$@"; do printf '#line 1 "%s"\\n' "$f"; cat "$f"; done >"$out" """,
        arguments = [out.path] + [f.path for f in ctx.files.srcs],
        inputs = ctx.files.srcs,
        outputs = [out],
        mnemonic = "JoinSources",
        progress_message = "Joining sources of %s" % ctx.label,
        use_default_shell_env = True,
        # Debian's sandbox tells of itself, and Bazel shows what an action says.
        execution_requirements = {"no-sandbox": "1"},
    )
    return [
        DefaultInfo(files = depset([out])),
        JoinedInfo(sources = ctx.files.srcs),
    ]

_joined = rule(
    implementation = _joined_source,
    attrs = {"srcs": attr.label_list(allow_files = [".cc"])},
)

def compiled_together(name, sources):
    """Makes sources of those of the library of that name, equally many in each; gives their names."""
    made = []
    count = (len(sources) + _AT_ONCE - 1) // _AT_ONCE
    for i in range(count):
        made.append("%s.together_%d.cc" % (name, i + 1))
        _joined(
            name = made[-1],
            srcs = sources[len(sources) * i // count:len(sources) * (i + 1) // count],
        )
    return made
