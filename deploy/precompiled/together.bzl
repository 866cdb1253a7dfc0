"""Sources that are compiled a few at a time."""

# More save less and less, and after each edit so many are compiled.
_AT_ONCE = 6

def _source_of_sources(ctx):
    lines = ["#include \"%s\"\n" % f.short_path for f in ctx.files.srcs]
    ctx.actions.write(ctx.outputs.out, "".join(lines))

_including = rule(
    implementation = _source_of_sources,
    attrs = {
        "srcs": attr.label_list(allow_files = [".cc"]),
        "out": attr.output(mandatory = True),
    },
)

def compiled_together(name, sources):
    """Makes sources that include those of the library of that name, equally many each; gives their names."""
    made = []
    count = (len(sources) + _AT_ONCE - 1) // _AT_ONCE
    for i in range(count):
        made.append("%s.together_%d.cc" % (name, i + 1))
        _including(
            name = made[-1][:-len(".cc")],
            srcs = sources[len(sources) * i // count:len(sources) * (i + 1) // count],
            out = made[-1],
        )
    return made
