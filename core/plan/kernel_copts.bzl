"""How files with loops of their own are compiled."""

# -O3 vectorizes loops whose length isn't known, which -O2 does not. Nothing here changes bits; math
# functions needn't set errno, and no floating-point exception traps, so that choices (x < 0 ? 0 : x)
# and square roots vectorize too.
KERNEL_COPTS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
]
