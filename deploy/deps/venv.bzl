"""The Python of deploy/setup's virtual environment, with what `deploy/setup --test` puts there."""

load("//deploy/deps:home.bzl", "DESCENT_HOME_VARIABLES", "descent_home")

_PROGRAMS = ["python", "clang-tidy"]

def _venv(ctx):
    root = descent_home(ctx) + "/venv"
    stamp = ctx.path(root + "/requirements.installed")

    # The stamp is part of the scripts, so that tests run again when packages change. A symbolic link
    # would not do: Python looks for the environment beside the name it is called by.
    packages = ["# " + line for line in (ctx.read(stamp) if stamp.exists else "").split("\n")]
    for program in _PROGRAMS:
        path = root + "/bin/" + program
        ctx.file(program, "\n".join(["#!/bin/sh"] + packages + [
            "if [ ! -x '%s' ]; then echo 'no %s in %s: run deploy/setup --test' >&2; exit 1; fi" % (path, program, root),
            "exec '%s' \"$@\"" % path,
        ]) + "\n", executable = True)
    ctx.file("WORKSPACE")
    ctx.file("BUILD", 'exports_files(%r, visibility = ["//visibility:public"])\n' % _PROGRAMS)

venv = repository_rule(
    implementation = _venv,
    local = True,
    environ = DESCENT_HOME_VARIABLES,
)
