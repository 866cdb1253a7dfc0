"""The Python of deploy/setup's virtual environment, with what `deploy/setup --test` puts there."""

load("//deploy/deps:home.bzl", "DESCENT_HOME_VARIABLES", "descent_home")

def _venv(ctx):
    root = descent_home(ctx) + "/venv"
    python = root + "/bin/python"
    stamp = ctx.path(root + "/requirements.installed")

    # The stamp is part of the script, so that tests run again when packages change. A symbolic link
    # would not do: Python looks for the environment beside the name it is called by.
    ctx.file("python", "\n".join(
        ["#!/bin/sh"] +
        ["# " + line for line in (ctx.read(stamp) if stamp.exists else "").split("\n")] +
        [
            "if [ ! -x '%s' ]; then echo 'no Python in %s: run deploy/setup --test' >&2; exit 1; fi" % (python, root),
            "exec '%s' \"$@\"" % python,
        ],
    ) + "\n", executable = True)
    ctx.file("WORKSPACE")
    ctx.file("BUILD", 'exports_files(["python"], visibility = ["//visibility:public"])\n')

venv = repository_rule(
    implementation = _venv,
    local = True,
    environ = DESCENT_HOME_VARIABLES,
)
