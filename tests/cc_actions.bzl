"""What rules that compile and link by actions of their own take from the deps of a target."""

def merged_context(deps):
    """The compilation context of all of them."""
    return cc_common.merge_cc_infos(
        direct_cc_infos = [d[CcInfo] for d in deps],
    ).compilation_context

def include_flags(context):
    """Where the sources find their headers, as flags of GCC and clang."""
    flags = []
    for include in context.quote_includes.to_list():
        flags += ["-iquote", include]
    for include in context.includes.to_list():
        flags += ["-I", include]
    for include in context.system_includes.to_list():
        flags += ["-isystem", include]
    return flags

def linked(deps):
    """The archives, and the flags besides, with which objects are linked.

    What the objects define is not taken from the libraries: an archive's member is only linked if
    something of it is missing.
    """
    archives = []
    options = []
    for dep in deps:
        for input in dep[CcInfo].linking_context.linker_inputs.to_list():
            options += input.user_link_flags
            for library in input.libraries:
                archive = library.pic_static_library or library.static_library
                if archive and archive not in archives:
                    archives.append(archive)
    return struct(
        archives = archives,
        flags = ["-Wl,--start-group"] + [a.path for a in archives] + ["-Wl,--end-group"] + options,
    )
