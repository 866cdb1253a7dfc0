"""Flags of targets and of the precompiled headers that they begin with, which must be the same."""

# CLI11 is compiled anew in each source that includes it: three seconds with -O2, two with this. Options are
# parsed once.
COMMAND_LINE_COPTS = ["-O1"]
