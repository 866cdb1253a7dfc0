"""Where deploy/setup puts what the build needs."""

def descent_home(ctx):
    """$DESCENT_HOME, or ~/.cache/descent: the same rule as in deploy/setup."""
    home = ctx.os.environ.get("DESCENT_HOME")
    if home:
        return home
    cache = ctx.os.environ.get("XDG_CACHE_HOME") or ctx.os.environ["HOME"] + "/.cache"
    return cache + "/descent"

DESCENT_HOME_VARIABLES = ["DESCENT_HOME", "XDG_CACHE_HOME", "HOME"]
