"""Tests of the whole service, in Python."""

_PROGRAMS = {
    "DESCENTD": "//server/daemon/main:descentd",
    "DESCENT_WORKER": "//server/worker/main:descent-worker",
    "DESCENT_CLI": "//client/cli:descent",
}

def integration_test(name, srcs = None, size = "medium", data = [], programs = True, environment = {}, **kwargs):
    """Runs pytest on `srcs` with the fixtures of conftest.py.

    Results are cached as any test's: they depend on the programs, the protocol, these files and the
    installed Python packages. Tag what must run every time (`external`), or alone (`exclusive`).

    Args:
      name: of the test
      srcs: the test files; default: [name + ".py"]
      size: Bazel's: small 1 minute, medium 5, large 15
      data: further files
      programs: whether descentd, descent-worker and descent are needed
      environment: further variables, each to hold the path of a target
      **kwargs: of sh_test
    """
    sources = srcs or [name + ".py"]
    named = dict(environment)
    if programs:
        named.update(_PROGRAMS)
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//tests/integration:run_pytest.sh"],
        args = ["%s=$(rootpath %s)" % (variable, named[variable]) for variable in named] +
               ["$(rootpath %s)" % source for source in sources],
        data = sources + data + [
            "//proto:protos",
            "//tests/integration:support",
            "@venv//:python",
        ] + named.values(),
        **kwargs
    )
