#include "tests/server/daemon/journal/faulty_vfs.h"

#include <sqlite3.h>

#include <cerrno>
#include <filesystem>
#include <new>

namespace descent::daemon {
namespace {

sqlite3_vfs* RealVfs() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  return vfs;
}

// SQLite gives us szOsFile bytes: our part, then the real file's.
struct File {
  sqlite3_file base;
  const char* name;  // SQLite keeps it as long as the file is open
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const FaultyVfs& vfs = FaultyVfs::Get();
  if (const int code = vfs.fail_write) {
    errno = vfs.fail_errno;
    return code;
  }
  if (const int64_t most = vfs.most_bytes; most > 0 && offset + size > most) return SQLITE_FULL;
  return Real(file)->pMethods->xWrite(Real(file), data, size, offset);
}

int Sync(sqlite3_file* file, int flags) {
  FaultyVfs& vfs = FaultyVfs::Get();
  if (const int code = vfs.fail_sync) {
    errno = vfs.fail_errno;
    return code;
  }
  const int code = Real(file)->pMethods->xSync(Real(file), flags);
  const char* const name = reinterpret_cast<File*>(file)->name;
  if (!vfs.synced_folder.empty() && name != nullptr) {
    const std::filesystem::path path(name);
    std::filesystem::copy_file(path, vfs.synced_folder / path.filename(),
                               std::filesystem::copy_options::overwrite_existing);
  }
  return code;
}

#define FORWARD(method, parameters, ...) \
  [] parameters { return Real(f)->pMethods->method(__VA_ARGS__); }

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = FORWARD(xClose, (sqlite3_file * f), Real(f)),
    .xRead = FORWARD(xRead, (sqlite3_file * f, void* d, int n, sqlite3_int64 o), Real(f), d, n, o),
    .xWrite = Write,
    .xTruncate = FORWARD(xTruncate, (sqlite3_file * f, sqlite3_int64 n), Real(f), n),
    .xSync = Sync,
    .xFileSize = FORWARD(xFileSize, (sqlite3_file * f, sqlite3_int64* n), Real(f), n),
    .xLock = FORWARD(xLock, (sqlite3_file * f, int l), Real(f), l),
    .xUnlock = FORWARD(xUnlock, (sqlite3_file * f, int l), Real(f), l),
    .xCheckReservedLock = FORWARD(xCheckReservedLock, (sqlite3_file * f, int* r), Real(f), r),
    .xFileControl = FORWARD(xFileControl, (sqlite3_file * f, int op, void* a), Real(f), op, a),
    .xSectorSize = FORWARD(xSectorSize, (sqlite3_file * f), Real(f)),
    .xDeviceCharacteristics = FORWARD(xDeviceCharacteristics, (sqlite3_file * f), Real(f)),
    .xShmMap = FORWARD(xShmMap, (sqlite3_file * f, int i, int n, int e, void volatile** p), Real(f),
                       i, n, e, p),
    .xShmLock =
        FORWARD(xShmLock, (sqlite3_file * f, int o, int n, int flags), Real(f), o, n, flags),
    .xShmBarrier = FORWARD(xShmBarrier, (sqlite3_file * f), Real(f)),
    .xShmUnmap = FORWARD(xShmUnmap, (sqlite3_file * f, int d), Real(f), d),
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  File* const mine = new (file) File{};
  mine->name = name;
  const int code = RealVfs()->xOpen(RealVfs(), name, mine->real(), flags, out_flags);
  mine->base.pMethods = mine->real()->pMethods == nullptr ? nullptr : &kMethods;
  return code;
}

}  // namespace

FaultyVfs& FaultyVfs::Get() {
  static FaultyVfs* const vfs = [] {
    static sqlite3_vfs registered = *RealVfs();
    registered.zName = kName;
    registered.szOsFile = static_cast<int>(sizeof(File)) + RealVfs()->szOsFile;
    registered.xOpen = Open;
    sqlite3_vfs_register(&registered, /*makeDflt=*/0);
    return new FaultyVfs;
  }();
  return *vfs;
}

}  // namespace descent::daemon
