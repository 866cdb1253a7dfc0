"""A test of a program in which core/recipes.md has been followed.

The sources that the recipes touch, and those that go by the spec's messages, are copied; the page is followed in the
copy; what the copy holds is compiled, and everything else is linked as it is. One action a source, so that Bazel
caches them: a change of the page compiles the lists again and not the bridge, unless it is one of a message.
"""

load("//tests:cc_actions.bzl", "include_flags", "linked", "merged_context")

# Nobody waits for what it computes, but everybody for the compiler.
_FLAGS = ["-std=c++20", "-O0", "-ffp-contract=off", "-fPIC", "-w"]

def _recipe_test(ctx):
    names = [f.short_path for f in ctx.files.srcs]
    copies = {n: ctx.actions.declare_file("copy/" + n) for n in names + ctx.attr.new}
    root = copies[names[0]].path[:-len(names[0]) - 1]
    ctx.actions.run_shell(
        command = "/usr/bin/python3 \"$@\"",
        arguments = [ctx.file._follow.path, ctx.file.recipes.path, root, ",".join(ctx.attr.new)] + names,
        inputs = ctx.files.srcs + [ctx.file.recipes, ctx.file._follow],
        outputs = copies.values(),
        mnemonic = "FollowRecipes",
        progress_message = "Following %s" % ctx.file.recipes.short_path,
    )

    protos = [n[len("proto/"):] for n in names if n.endswith(".proto")]
    messages = {}
    for proto in protos:
        for extension in [".pb.h", ".pb.cc"]:
            generated = proto[:-len(".proto")] + extension
            messages[generated] = ctx.actions.declare_file("messages/" + generated)
    generated = messages.keys()[0]
    messages_root = messages[generated].path[:-len(generated) - 1]
    ctx.actions.run_shell(
        command = "protoc \"$@\"",
        arguments = ["-I" + root + "/proto", "--cpp_out=" + messages_root] + protos,
        inputs = [copies["proto/" + p] for p in protos],
        outputs = messages.values(),
        mnemonic = "FollowedProtos",
        use_default_shell_env = True,
    )

    # The copy comes first: its files stand for those of the same names.
    context = merged_context(ctx.attr.deps)
    flags = _FLAGS + ["-D" + d for d in context.defines.to_list()]
    flags += ["-iquote", root, "-isystem", messages_root]
    flags += include_flags(context)

    # What all of them read first is compiled once, as deploy/precompiled does it: here the messages are others.
    first = ctx.actions.declare_file(ctx.label.name + ".first.h")
    compiled = ctx.actions.declare_file(ctx.label.name + ".first.h.gch")
    ctx.actions.expand_template(template = ctx.file.first, output = first, substitutions = {})
    message_headers = [f for f in messages.values() if f.extension == "h"]
    ctx.actions.run(
        executable = "/usr/bin/g++",
        arguments = flags + ["-x", "c++-header", first.path, "-o", compiled.path],
        inputs = depset([first] + message_headers, transitive = [context.headers]),
        outputs = [compiled],
        mnemonic = "FollowedPrecompile",
        # LibTorch's ten thousand headers make a sandbox slow.
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )

    # The bridge includes no kind: what the page makes are no inputs of it, and it stays compiled.
    made = [copies[n] for n in ctx.attr.new]
    headers = message_headers + [f for f in copies.values() if f.extension == "h" and f not in made]
    objects = []
    sources = copies.values() + messages.values() + [ctx.file.test]
    for source in [f for f in sources if f.extension == "cc"]:
        object = ctx.actions.declare_file("objects/%s.o" % source.short_path)
        ctx.actions.run(
            executable = "/usr/bin/g++",
            arguments = flags + ["-include", first.path, "-c", source.path, "-o", object.path],
            inputs = depset(
                headers + [first, compiled, source] + (made if "/copy/core/" in source.path else []),
                transitive = [context.headers],
            ),
            outputs = [object],
            mnemonic = "FollowedCompile",
            progress_message = "Compiling %s with what the recipes add" % source.short_path,
            execution_requirements = {"no-sandbox": "1"},
            use_default_shell_env = True,
        )
        objects.append(object)

    libraries = linked(ctx.attr.deps)
    binary = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.run(
        executable = "/usr/bin/g++",
        arguments = ["-o", binary.path] + [o.path for o in objects] +
                    libraries.flags,
        inputs = objects + libraries.archives,
        outputs = [binary],
        mnemonic = "FollowedLink",
        execution_requirements = {"no-sandbox": "1"},
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([binary]), executable = binary)]

recipe_test = rule(
    implementation = _recipe_test,
    attrs = {
        # The program, with the test's expectations.
        "test": attr.label(allow_single_file = [".cc"]),
        "recipes": attr.label(allow_single_file = [".md"]),
        # What is copied.
        "srcs": attr.label_list(allow_files = True),
        # What each source reads first.
        "first": attr.label(allow_single_file = [".h"]),
        # The files that the recipes make.
        "new": attr.string_list(),
        # What is linked as it is; what it has of the copies' sources is left out.
        "deps": attr.label_list(providers = [CcInfo]),
        "_follow": attr.label(default = "//tests/recipe:follow.py", allow_single_file = True),
    },
    test = True,
)
