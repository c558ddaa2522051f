// SQLite's C interface as values: a connection and a prepared statement that close themselves, and
// errors that name the file. For store.cpp only.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace moesim {

class SqliteConnection {
 public:
  enum class Mode { kRead, kWrite };
  /// Throws InputError when the file cannot be opened or is no database.
  SqliteConnection(std::string path, Mode mode);
  ~SqliteConnection() { sqlite3_close(handle_); }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  /// Runs statements without values. Throws SimulationError.
  void execute(const std::string& sql);
  /// InputError for a file that is no database or cannot be written, SimulationError for the rest.
  [[noreturn]] void fail(int code) const;
  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
};

/// Between begin and commit(); rolls back when it goes without.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(connection) {
    connection_.execute("BEGIN IMMEDIATE");
  }
  ~SqliteTransaction() {
    if (open_) sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  void commit() {
    connection_.execute("COMMIT");
    open_ = false;
  }

 private:
  SqliteConnection& connection_;
  bool open_ = true;
};

class SqliteStatement {
 public:
  SqliteStatement(SqliteConnection& connection, std::string_view sql);
  ~SqliteStatement() { sqlite3_finalize(handle_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  /// Values in order, from 1.
  SqliteStatement& bind(int index, std::string_view text);
  SqliteStatement& bind(int index, double number);
  SqliteStatement& bind(int index, std::int64_t number);
  /// The next row; false after the last.
  bool step();
  void reset();
  std::string text(int column) const;
  double number(int column) const { return sqlite3_column_double(handle_, column); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }

 private:
  SqliteConnection& connection_;
  sqlite3_stmt* handle_ = nullptr;
};

}  // namespace moesim
