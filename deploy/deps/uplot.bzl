"""uPlot's script and style sheet, unpacked by deploy/setup from the npm registry."""

load("//deploy/deps:home.bzl", "DESCENT_HOME_VARIABLES", "descent_home")

def _uplot(ctx):
    root = descent_home(ctx) + "/uplot/package/dist"
    if not ctx.path(root + "/uPlot.iife.min.js").exists:
        fail("no uPlot in %s: run deploy/setup" % root)
    ctx.symlink(root + "/uPlot.iife.min.js", "uPlot.iife.min.js")
    ctx.symlink(root + "/uPlot.min.css", "uPlot.min.css")
    ctx.file("WORKSPACE")
    ctx.file("BUILD", 'exports_files(["uPlot.iife.min.js", "uPlot.min.css"])\n')

uplot = repository_rule(
    implementation = _uplot,
    local = True,
    environ = DESCENT_HOME_VARIABLES,
)
