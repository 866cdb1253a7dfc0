"""Writes arrays.npz, and arrays/: what NumPy writes, of each type, order and version.

    python tests/data/arrays.py

from the workspace, with numpy installed.
"""

import pathlib

import numpy as np

TYPES = "|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8".split()

here = pathlib.Path(__file__).parent
folder = here / "arrays"
folder.mkdir(exist_ok=True)
# 0 … 5, as each type; booleans become 0 1 1 1 1 1.
arrays = {t[1:]: np.arange(6).reshape(2, 3).astype(np.dtype(t)) for t in TYPES}
for name, array in arrays.items():
    np.save(folder / f"{name}.npy", array)
np.save(folder / "fortran.npy", np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4)))
np.save(folder / "big_endian.npy", np.arange(6, dtype=">f4"))
np.save(folder / "complex.npy", np.arange(6, dtype="<c8"))
np.save(folder / "text.npy", np.array(["a", "b"]))
np.save(folder / "record.npy", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
np.save(folder / "scalar.npy", np.float32(3))
np.save(folder / "above.npy", np.array([2**63], dtype="<u8"))
with open(folder / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, arrays["f4"], version=(2, 0))
inputs = np.arange(8, dtype="<f4").reshape(4, 2)
targets = np.arange(4, dtype="<i8") % 2
np.savez(here / "arrays.npz", inputs=inputs, targets=targets)
np.savez_compressed(here / "arrays_compressed.npz", inputs=inputs, targets=targets)
