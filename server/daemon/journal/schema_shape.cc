#include "server/daemon/journal/schema_shape.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace descent::daemon {
namespace {

struct Shape {
  // The columns of each table, with all that SQLite knows of them: type, NOT NULL, place in the
  // key.
  std::map<std::string, std::map<std::string, std::string>> tables;
  struct Object {
    std::string table;
    std::string sql;
  };
  std::map<std::string, Object> indexes;
  std::map<std::string, Object> triggers;
};

absl::StatusOr<Shape> ShapeOf(Connection& connection) {
  Shape shape;
  // SQLite's own indexes are not listed: they have no text, or a name that is kept for them.
  absl::StatusOr<Statement> objects = connection.Prepare(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite#_%' ESCAPE "
      "'#'");
  if (!objects.ok()) return objects.status();
  while (true) {
    const absl::StatusOr<bool> found = objects->Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    const std::string type(objects->Blob(0));
    const std::string name(objects->Blob(1));
    Shape::Object object{std::string(objects->Blob(2)), std::string(objects->Blob(3))};
    if (type == "table") {
      shape.tables.try_emplace(name);
    } else if (type == "index") {
      shape.indexes.emplace(name, std::move(object));
    } else if (type == "trigger") {
      shape.triggers.emplace(name, std::move(object));
    }
  }
  absl::StatusOr<Statement> columns =
      connection.Prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)");
  if (!columns.ok()) return columns.status();
  for (auto& [table, its_columns] : shape.tables) {
    columns->Reset().BindText(1, table);
    while (true) {
      const absl::StatusOr<bool> found = columns->Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      its_columns[std::string(columns->Blob(0))] =
          absl::StrCat(std::string(columns->Blob(1)), "/", columns->Int(2), "/", columns->Int(3));
    }
  }
  return shape;
}

}  // namespace

absl::StatusOr<SchemaDifference> CompareSchemas(Connection& connection, Connection& reference) {
  const absl::StatusOr<Shape> has = ShapeOf(connection);
  if (!has.ok()) return has.status();
  const absl::StatusOr<Shape> wanted = ShapeOf(reference);
  if (!wanted.ok()) return wanted.status();
  SchemaDifference difference;
  for (const auto& [table, columns] : wanted->tables) {
    const auto found = has->tables.find(table);
    if (found == has->tables.end()) {
      difference.lost.push_back(absl::StrCat("the table `", table, "` is missing"));
      continue;
    }
    for (const auto& [column, kind] : columns) {
      const auto it = found->second.find(column);
      if (it != found->second.end() && it->second == kind) continue;
      difference.lost.push_back(
          absl::StrCat("the column `", column, "` of the table `", table, "` ",
                       it == found->second.end() ? "is missing" : "is not as it was made"));
    }
    for (const auto& [column, kind] : found->second) {
      if (columns.count(column) > 0) continue;
      difference.strange.push_back(
          absl::StrCat("the table `", table, "` has a column `", column, "`"));
    }
  }
  for (const auto& [name, index] : wanted->indexes) {
    const auto found = has->indexes.find(name);
    const bool is_there = found != has->indexes.end();
    if (is_there && found->second.sql == index.sql) continue;
    difference.indexes.push_back({.name = name, .sql = index.sql, .is_there = is_there});
  }
  for (const auto& [name, index] : has->indexes) {
    if (wanted->tables.count(index.table) == 0 || wanted->indexes.count(name) > 0) continue;
    difference.foreign.push_back(absl::StrCat("the index `", name, "`"));
  }
  for (const auto& [name, trigger] : has->triggers) {
    difference.foreign.push_back(absl::StrCat("the trigger `", name, "`"));
  }
  return difference;
}

}  // namespace descent::daemon
